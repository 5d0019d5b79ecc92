"""What any payment provider must do (ports.PaymentProvider), as tests on the port alone, without a database.

A provider passes when a class `TestIt(Conformance)` does whose fixture `side` is a `ProviderSide`: the adapter, and
what happens to it in tests. Where a provider has no challenges, customers, disputes or notices, it says so, and those
tests are skipped with that reason.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, TypeVar
from uuid import UUID, uuid4

import pytest

from services.chassis.plain import clock, ids
from services.chassis.plain.money import Money
from services.payment.domain.charges import Charge, ChargeState, CloseReason, Refusal
from services.payment.domain.disputes import DisputeState
from services.payment.domain.notices import Notice, Topic
from services.payment.domain.orders import Order
from services.payment.domain.payments import Payment, Status, begin
from services.payment.domain.refunds import Refund, RefundStatus, order_refund
from services.payment.ports import (
    KeyUsedOtherwise,
    OutcomeUnknown,
    PaymentProvider,
    Refused,
    ServersFail,
    UnknownCharge,
)

T = TypeVar("T")
PATIENCE = 20.0


class ProviderSide(ABC):
    """A provider, and what happens to it and at it in tests."""

    provider: PaymentProvider
    methods: ClassVar[Mapping[ChargeState, str]]
    """The payment method that leads to each state; without one the provider does not have the state."""
    unknown_method: ClassVar[str]
    """A payment method that does not exist."""
    has_customers: ClassVar[bool] = True
    has_disputes: ClassVar[bool] = True
    has_notices: ClassVar[bool] = True
    keeps_failures: ClassVar[bool] = True
    """Whether a failure of the provider's servers may be kept under a key: then another key is needed."""
    forged: ClassVar[type[Exception]] = Exception
    """What reading a forged notice raises."""

    @abstractmethod
    async def behave(self) -> None:
        """Ends all that was arranged: answers at once, as they should be."""

    @abstractmethod
    async def lose_answers(self) -> None:
        """The next request is executed, and none of its tries is answered."""

    @abstractmethod
    async def fail(self) -> None:
        """The provider's servers fail at the next request, and keep that under its key."""

    @abstractmethod
    async def taken(self, payment_id: UUID) -> tuple[int, int]:
        """How much money was taken for a payment, and given back, in minor units."""

    @abstractmethod
    async def fund(self, payment: Payment, state: ChargeState) -> None:
        """Gives the customer what the payment needs to come to the state, where its method does not decide that."""

    async def pass_challenge(self, reference: str) -> None:
        """The customer proves who they are."""
        raise NotImplementedError

    async def make_customer(self, user_id: UUID) -> str:
        """A customer record of a person."""
        raise NotImplementedError

    async def dispute(self, reference: str) -> None:
        """The customer disputes the charge."""
        raise NotImplementedError

    async def notice(self, topic: Topic, reference: str) -> tuple[bytes, str]:
        """The newest notice about a charge, as it arrives: the body and its signature."""
        raise NotImplementedError

    def read(self, body: bytes, signature: str) -> Notice:
        """The notice in what arrives. Raises `forged`."""
        raise NotImplementedError


async def a_payment(side: ProviderSide, state: ChargeState = ChargeState.SUCCEEDED) -> Payment:
    """A payment that has not been asked for; skips where the provider does not have the state."""
    if state not in side.methods:
        pytest.skip(f"{side.provider.name} has no charge that is {state.value}")
    payment = begin(
        Order(uuid4(), uuid4(), "pending", Money(5998, "USD")),
        payment_id=ids.new_id(),
        provider=side.provider.name,
        payment_method=side.methods[state],
        customer_id=None,
        return_url="http://127.0.0.1:3000/back",
        idempotency_key=None,
        now=clock.now(),
        takes_at_most=timedelta(seconds=70),
    )
    await side.fund(payment, state)
    return payment


def a_refund(charge: Charge, payment: Payment, minor: int) -> Refund:
    """A refund of the payment's charge that has not been asked for."""
    return order_refund(
        replace(payment, status=Status.SUCCEEDED, provider_reference=charge.reference),
        [],
        refund_id=ids.new_id(),
        amount=Money(minor, "USD"),
        reason=None,
        ordered_by=uuid4(),
        idempotency_key=None,
        now=clock.now(),
        takes_at_most=timedelta(seconds=70),
        provider=payment.provider,
    )


async def until(look: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
    """What a look finds, as soon as it is so."""
    async with asyncio.timeout(PATIENCE):
        while not done(found := await look()):
            await asyncio.sleep(0.05)
    return found


class Conformance:
    """The tests. A subclass has a fixture `side`."""

    async def ask(self, side: ProviderSide, state: ChargeState = ChargeState.SUCCEEDED) -> tuple[Payment, Charge, str]:
        payment = await a_payment(side, state)
        charge = await side.provider.ask(payment)
        assert charge.reference is not None
        return payment, charge, charge.reference

    async def test_money_is_taken_for_the_payment_that_asks(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side)
        assert (charge.state, charge.amount, charge.payment_id) == (ChargeState.SUCCEEDED, payment.amount, payment.id)
        assert charge.capture_reference
        assert await side.taken(payment.id) == (5998, 0)
        settled = await until(lambda: side.provider.look_up(reference), lambda found: found.settlement is not None)
        assert settled.settlement is not None
        assert settled.settlement.fee.minor + settled.settlement.net.minor > 0

    async def test_the_list_of_charges_is_newest_first_and_goes_on_behind_each(self, side: ProviderSide) -> None:
        made = [await self.ask(side) for _ in range(3)]
        newest, *older = await side.provider.page_of_charges(None, 2)
        rest = await side.provider.page_of_charges(older[-1].reference, 1)
        assert [one.reference for one in (newest, *older, *rest)] == [reference for _, _, reference in made][::-1]
        payment, _, reference = made[-1]
        assert await side.provider.see_charge(reference) == newest
        assert (newest.state, newest.amount, newest.payment_id) == (
            ChargeState.SUCCEEDED,
            payment.amount,
            payment.id,
        )
        assert newest.refunded is not None
        assert (newest.refunded.minor, newest.is_disputed) == (0, False)
        for unknown in (side.provider.see_charge("charge-of-nobody"), side.provider.page_of_charges("nobodys", 1)):
            with pytest.raises(UnknownCharge):
                await unknown

    async def test_the_list_of_charges_shows_what_went_back(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side)
        await side.provider.refund(a_refund(charge, payment, 100), reference)
        seen = await side.provider.see_charge(reference)
        assert (seen.refunded, seen.is_disputed) == (Money(100, "USD"), False)
        if not side.has_disputes:
            return
        payment, charge, reference = await self.ask(side)
        await side.dispute(reference)
        assert (await side.provider.see_charge(reference)).is_disputed

    async def test_asked_again_under_its_key_it_is_taken_once(self, side: ProviderSide) -> None:
        payment, _, reference = await self.ask(side)
        again = await asyncio.gather(*(side.provider.ask(payment) for _ in range(3)))
        assert {one.reference for one in again} == {reference}
        assert await side.taken(payment.id) == (5998, 0)

    async def test_a_key_that_was_used_for_another_request_is_refused(self, side: ProviderSide) -> None:
        payment, _, _ = await self.ask(side)
        with pytest.raises(KeyUsedOtherwise):
            await side.provider.ask(replace(payment, amount=Money(1000, "USD")))
        assert await side.taken(payment.id) == (5998, 0)

    async def test_a_decline_is_an_answer_with_a_code(self, side: ProviderSide) -> None:
        payment, charge, _ = await self.ask(side, ChargeState.DECLINED)
        assert (charge.state, charge.payment_id) == (ChargeState.DECLINED, payment.id)
        assert charge.decline_code or charge.error_code
        assert await side.taken(payment.id) == (0, 0)

    async def test_an_unknown_payment_method_is_refused_and_leaves_nothing(self, side: ProviderSide) -> None:
        payment = replace(await a_payment(side), payment_method=side.unknown_method)
        with pytest.raises(Refused) as refused:
            await side.provider.ask(payment)
        assert refused.value.refusal is Refusal.PAYMENT_METHOD
        assert await side.taken(payment.id) == (0, 0)

    async def test_a_challenge_has_a_secret_that_is_not_kept_and_leads_to_the_money(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side, ChargeState.NEEDS_CHALLENGE)
        assert (charge.state, await side.taken(payment.id)) == (ChargeState.NEEDS_CHALLENGE, (0, 0))
        assert charge.challenge
        assert charge.challenge.secret not in f"{charge!r} {charge.attempt(asked=True)!r}"
        assert (await side.provider.look_up(reference)).challenge == charge.challenge
        await side.pass_challenge(reference)
        assert (await side.provider.look_up(reference)).state is ChargeState.SUCCEEDED

    async def test_what_is_processed_comes_to_an_outcome(self, side: ProviderSide) -> None:
        _, charge, reference = await self.ask(side, ChargeState.PROCESSING)
        assert charge.state is ChargeState.PROCESSING
        await until(lambda: side.provider.look_up(reference), lambda found: found.state is ChargeState.SUCCEEDED)

    @pytest.mark.parametrize(
        ("state", "reason"),
        [
            (ChargeState.NEEDS_CHALLENGE, CloseReason.ABANDONED),
            (ChargeState.DECLINED, CloseReason.ORDER_CANCELLED),
        ],
    )
    async def test_an_open_charge_can_be_cancelled_any_number_of_times(
        self, side: ProviderSide, state: ChargeState, reason: CloseReason
    ) -> None:
        _, _, reference = await self.ask(side, state)
        for _ in range(2):
            assert (await side.provider.cancel(reference, reason)).state is ChargeState.CANCELLED

    async def test_a_charge_that_has_succeeded_is_not_cancelled(self, side: ProviderSide) -> None:
        payment, _, reference = await self.ask(side)
        assert (await side.provider.cancel(reference, CloseReason.ABANDONED)).state is ChargeState.SUCCEEDED
        assert await side.taken(payment.id) == (5998, 0)

    async def test_an_answer_that_is_lost_is_an_unknown_outcome_which_its_key_and_a_search_find(
        self, side: ProviderSide
    ) -> None:
        payment = await a_payment(side)
        await side.lose_answers()
        with pytest.raises(OutcomeUnknown):
            await side.provider.ask(payment)
        await side.behave()
        charge = await side.provider.ask(payment)
        found = await side.provider.search(payment.id)
        assert found is not None
        assert (found.reference, found.state) == (charge.reference, ChargeState.SUCCEEDED)
        assert await side.taken(payment.id) == (5998, 0)

    async def test_a_search_finds_nothing_where_nothing_was_asked(self, side: ProviderSide) -> None:
        assert await side.provider.search(uuid4()) is None

    async def test_a_server_error_is_reported_as_such_and_another_key_helps(self, side: ProviderSide) -> None:
        payment = await a_payment(side)
        await side.fail()
        with pytest.raises(ServersFail if side.keeps_failures else OutcomeUnknown):
            await side.provider.ask(payment)
        await side.behave()
        assert (await side.provider.ask(payment.with_next_key())).state is ChargeState.SUCCEEDED
        assert await side.taken(payment.id) == (5998, 0)

    async def test_what_the_provider_does_not_know(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side)
        other = f"{reference}x"
        asks: list[Callable[[], Awaitable[object]]] = [
            lambda: side.provider.look_up(other),
            lambda: side.provider.refund(a_refund(charge, payment, 100), other),
            lambda: side.provider.cancel(other, CloseReason.ABANDONED),
        ]
        for ask in asks:
            with pytest.raises(UnknownCharge):
                await ask()

    async def test_money_goes_back_in_parts_each_once(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side)
        part, rest = a_refund(charge, payment, 1000), a_refund(charge, payment, 4998)
        made = [await side.provider.refund(one, reference) for one in (part, part, rest)]
        assert [(one.amount.minor, one.refund_id) for one in made] == [
            (1000, part.id),
            (1000, part.id),
            (4998, rest.id),
        ]
        seen = await side.provider.refunds_of(reference)
        assert {one.reference for one in seen} == {one.reference for one in made}
        assert await side.taken(payment.id) == (5998, 5998)

    async def test_more_than_is_left_is_refused(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side)
        await side.provider.refund(a_refund(charge, payment, 5998), reference)
        with pytest.raises(Refused):
            await side.provider.refund(a_refund(charge, payment, 1), reference)
        assert await side.taken(payment.id) == (5998, 5998)

    async def test_a_refund_whose_answer_is_lost_is_found_and_made_once(self, side: ProviderSide) -> None:
        payment, charge, reference = await self.ask(side)
        refund = a_refund(charge, payment, 1000)
        await side.lose_answers()
        with pytest.raises(OutcomeUnknown):
            await side.provider.refund(refund, reference)
        await side.behave()
        assert [one.refund_id for one in await side.provider.refunds_of(reference)] == [refund.id]
        made = await side.provider.refund(refund, reference)
        assert made.status in (RefundStatus.SUCCEEDED, RefundStatus.PENDING)
        assert await side.taken(payment.id) == (5998, 1000)

    async def test_a_customer_record_belongs_to_one_person(self, side: ProviderSide) -> None:
        if not side.has_customers:
            pytest.skip("no customer records")
        user_id = uuid4()
        customer = await side.make_customer(user_id)
        assert await side.provider.user_of_customer(customer) == str(user_id)
        assert await side.provider.user_of_customer(f"{customer}x") is None

    async def test_a_dispute_is_seen_with_the_money_that_it_moves(self, side: ProviderSide) -> None:
        _, _, reference = await self.ask(side)
        assert await side.provider.disputes_of(reference) == []
        if not side.has_disputes:
            return
        await side.dispute(reference)
        (dispute,) = await side.provider.disputes_of(reference)
        assert (dispute.state, dispute.amount) == (DisputeState.OPEN, Money(5998, "USD"))
        assert [moved.amount.minor for moved in dispute.movements] == [-5998]

    async def test_notices_name_what_they_are_about(self, side: ProviderSide) -> None:
        if not side.has_notices:
            pytest.skip("no notices")
        payment, charge, reference = await self.ask(side)
        body, signature = await side.notice(Topic.CHARGE, reference)
        notice = side.read(body, signature)
        assert (notice.provider, notice.topic, notice.charge_state) == (
            side.provider.name,
            Topic.CHARGE,
            ChargeState.SUCCEEDED,
        )
        assert (notice.charge_reference, notice.payment_id) == (reference, payment.id)
        made = await side.provider.refund(a_refund(charge, payment, 1000), reference)
        refunded = side.read(*await side.notice(Topic.REFUND, reference))
        assert reference == refunded.charge_reference or charge.capture_reference == refunded.capture_reference
        assert refunded.refund_reference in (None, made.reference)
        assert refunded.id != notice.id

    async def test_a_forged_notice_is_refused(self, side: ProviderSide) -> None:
        if not side.has_notices:
            pytest.skip("no notices")
        _, _, reference = await self.ask(side)
        body, signature = await side.notice(Topic.CHARGE, reference)
        for forged in ((body + b" ", signature), (body, ""), (body, f"{signature}0")):
            with pytest.raises(side.forged):
                side.read(*forged)
