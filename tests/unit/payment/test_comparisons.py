"""What payment compares with its ports in memory. tests/integration/payment/test_comparisons.py does it on Stripe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from services.chassis.plain import clock, transient
from services.chassis.plain.comparison import Comparison, examine, examine_all
from services.chassis.plain.errors import Unavailable
from services.payment.domain.charges import Charge, ChargeState
from services.payment.domain.disputes import DisputeState, ProviderDispute
from services.payment.domain.facts import PaymentConfirmed
from services.payment.domain.orders import Order
from services.payment.domain.payments import Payment, Status, Stranded
from services.payment.domain.refunds import ProviderRefund, RefundStatus
from services.payment.entrypoints.workers import comparisons
from services.payment.ports import NotAsked, NotAuthorized, OutcomeUnknown
from services.payment.use_cases.compare_payments import (
    AMOUNT_DIFFERS,
    CANCELLED_HOLDS_MONEY,
    LEDGER_DIFFERS,
    ORDER_UNKNOWN,
    PAID_NOT_CONFIRMED,
    PAYMENT_UNATTENDED,
)
from tests.unit.payment.till import Till, usd

SETTLED = timedelta(minutes=2)
Found = list[tuple[str, bool, bool]]
"""Kind, whether there is a repair, whether it was made."""


class Books(Till):
    """A till, and what is compared there."""

    def __init__(self) -> None:
        super().__init__()
        reconcile = self.reconcile_once
        made = comparisons(self.orders, self.apply_status, reconcile.settle_payment, reconcile.settle_refund, SETTLED)
        self.payments, _, self.charges, _ = made

    async def confirmed(self) -> tuple[Order, Payment]:
        order, payment = await self.paid()
        return self.move(order, "confirmed"), payment

    async def challenged(self) -> tuple[Order, Payment]:
        self.provider.outcome = ChargeState.NEEDS_CHALLENGE
        order = self.orders.place()
        await self.pay(order)
        self.provider.outcome = ChargeState.SUCCEEDED
        return order, self.only(order)

    def move(self, order: Order, status: str) -> Order:
        self.orders.all[order.id] = replace(order, status=status)
        return self.orders.all[order.id]

    def write(self, payment: Payment, **changes: Any) -> None:
        """Somebody writes into the table by hand."""
        self.unit.payments.rows[payment.id] = replace(self.payment(payment.id), **changes)

    def other_hands(self, payment_id: UUID | None, state: ChargeState = ChargeState.SUCCEEDED) -> str:
        """A charge at the provider that we did not ask for."""
        reference = f"charge-{uuid4()}"
        self.provider.charges[reference] = Charge(reference, state, usd(500), payment_id, word=state.value)
        return reference


async def seen(comparison: Comparison, order: Order, *, mend: bool = True) -> Found:
    found = await examine(comparison, await comparison.of_order(order.id), mend=mend)
    return sorted((one.drift.kind, one.drift.repair is not None, one.mended) for one in found)


async def seen_of_all(comparison: Comparison, limit: int = 100) -> list[tuple[str, str]]:
    return [(one.drift.kind, one.drift.subject) async for one in examine_all(comparison, limit=limit, mend=False)]


@pytest.fixture
def books() -> Books:
    return Books()


def test_every_kind_belongs_to_one_comparison(books: Books) -> None:
    assert (books.payments.name, books.charges.name) == ("payments", "fake")
    kinds = [*books.payments.kinds, *books.charges.kinds]
    assert len(kinds) == len(set(kinds)) == 12
    assert all(kind.startswith("fake_") for kind in books.charges.kinds)


async def test_what_agrees(books: Books) -> None:
    order, payment = await books.confirmed()
    await books.refund(payment, "1.00")
    await books.challenged()
    gone, _ = await books.confirmed()
    await books.cancel(books.move(gone, "cancelled"))
    await books.reconcile()
    books.other_hands(None)
    books.other_hands(uuid4(), ChargeState.NEEDS_CHALLENGE)
    for comparison in (books.payments, books.charges):
        assert await seen(comparison, order) == []
        assert await seen_of_all(comparison, limit=2) == []


class TestPayments:
    async def test_pages_go_through_all_of_them(self, books: Books) -> None:
        made = [await books.confirmed() for _ in range(5)]
        for order, _ in made:
            del books.orders.all[order.id]
        found = await seen_of_all(books.payments, limit=2)
        assert found == [(ORDER_UNKNOWN, str(one)) for one in sorted(payment.id for _, payment in made)]

    async def test_books_that_lack_a_line(self, books: Books) -> None:
        order, _ = await books.confirmed()
        books.unit.ledger.lines.pop(0)
        (finding,) = await examine(books.payments, await books.payments.of_order(order.id), mend=True)
        drift = finding.drift
        assert (drift.kind, drift.repair, finding.mended) == (LEDGER_DIFFERS, None, False)
        assert drift.ours == "payment is succeeded, 0.00 of 59.98 USD refunded: holds 59.98"
        assert drift.theirs == "the ledger comes to 0.00"

    async def test_a_refunded_payment_that_still_holds_money(self, books: Books) -> None:
        order, payment = await books.confirmed()
        books.write(payment, status=Status.REFUNDED)
        assert await seen(books.payments, order) == [(LEDGER_DIFFERS, False, False)]

    async def test_money_in_the_books_that_was_never_taken(self, books: Books) -> None:
        order, payment = await books.confirmed()
        books.write(payment, status=Status.FAILED)
        assert await seen(books.payments, order) == [(LEDGER_DIFFERS, False, False)]

    async def test_one_that_nothing_looks_after(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.write(payment, check_at=None)
        books.recorder.due.clear()
        assert await seen(books.payments, order, mend=False) == [(PAYMENT_UNATTENDED, True, False)]
        assert await seen(books.payments, order) == [(PAYMENT_UNATTENDED, True, True)]
        assert books.payment(payment.id).check_at is not None
        assert books.recorder.due.is_set()
        assert await seen(books.payments, order) == []
        books.write(payment, check_at=None, stranded=Stranded.UNKNOWN_AT_PROVIDER)
        assert await seen(books.payments, order) == []

    async def test_an_amount_that_is_not_the_orders(self, books: Books) -> None:
        order, payment = await books.confirmed()
        books.orders.all[order.id] = replace(order, total=usd(5999))
        assert await seen(books.payments, order) == [(AMOUNT_DIFFERS, False, False)]
        assert await seen_of_all(books.payments) == [(AMOUNT_DIFFERS, str(payment.id))]

    async def test_a_paid_order_is_confirmed_again(self, books: Books) -> None:
        order, _ = await books.paid()
        (first,) = books.unit.published
        assert isinstance(first, PaymentConfirmed)
        assert await seen(books.payments, order) == [(PAID_NOT_CONFIRMED, True, True)]
        assert (books.unit.published, books.unit.published_again) == ([first], [first])

    async def test_money_that_went_back_meanwhile_confirms_nothing(self, books: Books) -> None:
        order, _ = await books.paid()
        (finding,) = await examine(books.payments, await books.payments.of_order(order.id), mend=False)
        await books.cancel(order)
        await books.payments.mend(finding.drift)
        await books.payments.mend(replace(finding.drift, subject=str(uuid4())))
        assert books.unit.published_again == []

    async def test_money_of_a_cancelled_order_goes_back(self, books: Books) -> None:
        order, payment = await books.confirmed()
        books.move(order, "cancelled")
        assert await seen(books.payments, order) == [(CANCELLED_HOLDS_MONEY, True, True)]
        await books.reconcile()
        assert books.payment(payment.id).status is Status.REFUNDED
        assert await seen(books.payments, order) == []

    async def test_an_open_payment_of_a_cancelled_order_is_closed(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.move(order, "cancelled")
        assert await seen(books.payments, order) == [(CANCELLED_HOLDS_MONEY, True, True)]
        await books.reconcile()
        assert books.payment(payment.id).status is Status.CANCELLED
        assert await seen(books.payments, order) == []

    @pytest.mark.parametrize("change", [{"stranded": Stranded.DISPUTED}, {"given_back_otherwise": "by transfer"}])
    async def test_what_a_person_decides_is_left_to_them(self, books: Books, change: dict[str, Any]) -> None:
        order, payment = await books.confirmed()
        books.move(order, "cancelled")
        books.write(payment, **change)
        assert await seen(books.payments, order) == []

    async def test_what_has_just_changed_is_not_compared(self, books: Books) -> None:
        order, _ = await books.paid()
        cancelled, _ = await books.paid()
        books.move(cancelled, "cancelled")
        books.orders.updated_at = clock.now()
        assert await seen(books.payments, order) == await seen(books.payments, cancelled) == []
        lost, payment = await books.paid()
        del books.orders.all[lost.id]
        books.unit.payments.young.add(payment.id)
        assert await seen(books.payments, lost) == []

    async def test_nothing_is_found_while_order_is_away(self, books: Books) -> None:
        order, _ = await books.paid()
        books.orders.away = True
        with pytest.raises(Unavailable):
            await seen(books.payments, order)


class TestCharges:
    async def test_one_request_a_page(self, books: Books) -> None:
        made = [await books.confirmed() for _ in range(5)]
        subjects: list[str] = []
        place = ""
        while True:
            page = await books.charges.page(place, 2)
            subjects += page.subjects
            assert await books.charges.compare(page.subjects) == []
            place = page.place
            if not place:
                break
        assert sorted(set(subjects)) == sorted(books.charge_of(payment) for _, payment in made)
        assert subjects[:2] == [books.charge_of(payment) for _, payment in made[:-3:-1]]
        in_pages = [one for one in books.provider.seen if subjects.count(one) == 1]
        assert in_pages == []
        assert (await books.charges.page("gone", 2)).subjects == ()

    async def test_a_round_ends_a_month_back(self, books: Books) -> None:
        made = [await books.confirmed() for _ in range(4)]
        for _, payment in made[:3]:
            books.provider.made_at[books.charge_of(payment)] = clock.now() - timedelta(days=31)
        page = await books.charges.page("", 2)
        assert (len(page.subjects), page.place) == (2, "")

    async def test_a_payment_that_is_made_at_the_provider_alone(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.provider.become(books.charge_of(payment), ChargeState.SUCCEEDED)
        books.recorder.due.clear()
        assert await seen(books.charges, order) == [("fake_state_differs", True, True)]
        assert books.payment(payment.id).status is Status.SUCCEEDED
        assert books.recorder.due.is_set()
        assert await seen(books.charges, order) == []

    async def test_a_payment_that_is_made_here_alone(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.write(payment, status=Status.SUCCEEDED)
        assert await seen(books.charges, order) == [("fake_state_differs", False, False)]

    async def test_a_charge_that_has_ended_there_alone(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.provider.become(books.charge_of(payment), ChargeState.CANCELLED)
        assert await seen(books.charges, order) == [("fake_state_differs", True, True)]
        assert books.payment(payment.id).status is Status.CANCELLED

    async def test_a_payment_that_has_ended_here_alone_is_closed(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.write(payment, status=Status.FAILED, check_at=None)
        assert await seen(books.charges, order) == [("fake_state_differs", True, True)]
        await books.reconcile()
        assert books.provider.charges[books.charge_of(payment)].state is ChargeState.CANCELLED

    async def test_an_amount_that_is_not_the_providers(self, books: Books) -> None:
        order, payment = await books.confirmed()
        books.write(payment, amount=usd(5999))
        assert await seen(books.charges, order) == [("fake_amount_differs", False, False)]

    async def test_a_refund_by_other_hands(self, books: Books) -> None:
        order, payment = await books.confirmed()
        made = ProviderRefund("refund-1", RefundStatus.SUCCEEDED, usd(100), None)
        books.provider.refunds[books.charge_of(payment)] = [made]
        (finding,) = await examine(books.charges, await books.charges.of_order(order.id), mend=True)
        assert (finding.drift.kind, finding.mended) == ("fake_refunds_differ", True)
        assert finding.drift.ours == f"payment {payment.id} is succeeded, 59.98 USD, 0.00 USD refunded"
        assert finding.drift.theirs == "the charge is succeeded, 59.98 USD, 1.00 USD refunded"
        assert books.payment(payment.id).status is Status.PARTIALLY_REFUNDED
        assert await seen(books.charges, order) == []

    async def test_a_dispute_that_nobody_reported(self, books: Books) -> None:
        order, payment = await books.confirmed()
        dispute = ProviderDispute("dispute-1", "open", DisputeState.OPEN, payment.amount, "general", ())
        books.provider.disputes[books.charge_of(payment)] = [dispute]
        assert await seen(books.charges, order) == [("fake_dispute_unheard", True, True)]
        assert books.payment(payment.id).dispute is DisputeState.OPEN
        assert await seen(books.charges, order) == []

    async def test_a_charge_that_the_provider_does_not_have(self, books: Books) -> None:
        order, payment = await books.confirmed()
        del books.provider.charges[books.charge_of(payment)]
        assert await seen_of_all(books.charges) == []  # it has only just begun
        assert await seen(books.charges, order) == [("fake_charge_missing", True, True)]
        assert books.payment(payment.id).stranded is Stranded.UNKNOWN_AT_PROVIDER
        assert await seen(books.charges, order) == []
        assert await examine(books.charges, ["gone"], mend=True) == []

    async def test_a_charge_that_is_missing_is_found_by_its_payment(self, books: Books) -> None:
        _, payment = await books.confirmed()
        books.write(payment, created_at=clock.now() - timedelta(hours=1))
        reference = books.charge_of(payment)
        del books.provider.charges[reference]
        assert await seen_of_all(books.charges) == [("fake_charge_missing", reference)]

    async def test_a_charge_that_no_payment_has(self, books: Books) -> None:
        _, payment = await books.confirmed()
        of_nobody, second = books.other_hands(uuid4()), books.other_hands(payment.id)
        found = await seen_of_all(books.charges)
        assert found == [("fake_charge_unknown", second), ("fake_charge_unknown", of_nobody)]

    async def test_a_charge_whose_reference_was_lost(self, books: Books) -> None:
        """The charge names the payment, which does not know the charge."""
        order, payment = await books.challenged()
        reference = books.charge_of(payment)
        books.provider.become(reference, ChargeState.SUCCEEDED)
        books.write(payment, provider_reference=None)
        assert await seen(books.charges, order) == []
        (finding,) = await examine(books.charges, [reference], mend=True)
        assert (finding.drift.kind, finding.mended) == ("fake_state_differs", True)
        assert (books.only(order).status, books.charge_of(books.only(order))) == (Status.SUCCEEDED, reference)

    async def test_a_repair_of_what_is_gone_does_nothing(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.provider.become(books.charge_of(payment), ChargeState.SUCCEEDED)
        (finding,) = await examine(books.charges, await books.charges.of_order(order.id), mend=False)
        del books.unit.payments.rows[payment.id]
        await books.charges.mend(finding.drift)
        await books.charges.mend(replace(finding.drift, subject="gone"))
        assert books.unit.payments.rows == {}

    async def test_payments_of_another_provider_are_left_alone(self, books: Books) -> None:
        order, payment = await books.confirmed()
        books.write(payment, provider="another", created_at=clock.now() - timedelta(hours=1))
        reference = books.charge_of(payment)
        assert await books.charges.of_order(order.id) == []
        assert await seen_of_all(books.charges) == [("fake_charge_unknown", reference)]
        del books.provider.charges[reference]
        assert await seen_of_all(books.charges) == []

    async def test_what_has_just_changed_is_not_compared(self, books: Books) -> None:
        order, payment = await books.challenged()
        books.provider.become(books.charge_of(payment), ChargeState.SUCCEEDED)
        books.unit.payments.young.add(payment.id)
        assert await seen(books.charges, order) == []

    @pytest.mark.parametrize("error", [OutcomeUnknown(), NotAsked(timedelta(seconds=5)), NotAuthorized()])
    async def test_a_provider_that_is_away(self, books: Books, error: Exception) -> None:
        """Silence is transient; a key that is refused is for a person."""
        order, payment = await books.challenged()
        books.provider.become(books.charge_of(payment), ChargeState.SUCCEEDED)
        books.provider.errors = {"page_of_charges": error, "look_up": error}
        with pytest.raises(type(error)):
            await books.charges.page("", 2)
        with capture_logs() as logs:
            assert await seen(books.charges, order) == [("fake_state_differs", True, False)]
        level = "error" if isinstance(error, NotAuthorized) else "warning"
        assert [(one["event"], one["log_level"]) for one in logs] == [("drift_not_repaired", level)]
        assert transient.is_transient(error) is (level == "warning")
