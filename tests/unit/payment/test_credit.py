"""Store credit: granted by staff, refunded to, paid with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.chassis.plain.errors import IdempotencyMismatch
from services.chassis.plain.money import Money
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.domain.charges import ChargeState
from services.payment.domain.credit import (
    INSUFFICIENT_CREDIT,
    STORE_CREDIT,
    CreditKind,
    CreditRefused,
    OnlyStaffSeeOthersCredit,
)
from services.payment.domain.disputes import DisputeState
from services.payment.domain.facts import PaymentConfirmed, PaymentRefunded
from services.payment.domain.ledger import Entry
from services.payment.domain.notices import Topic
from services.payment.domain.payments import CustomerRefused, PaymentNotFound, Status
from services.payment.domain.refunds import NotRefundable, RefundStatus, RefundTooLarge
from services.payment.ports import OutcomeUnknown
from services.payment.use_cases.apply_notice import Applied, Outcome
from services.payment.use_cases.compare_credit import CREDIT_DIFFERS
from services.payment.use_cases.get_credit import GetCredit
from services.payment.use_cases.list_credit_entries import ListCreditEntries
from tests.unit.payment.till import STAFF, Till, usd


@pytest.fixture
def till() -> Till:
    return Till()


class TestGranting:
    async def test_a_grant_adds_to_the_balance_of_its_currency(self, till: Till) -> None:
        user_id = uuid4()
        entry = await till.grant(user_id, "12.30")
        await till.grant(user_id, "0.70")
        await till.grant(user_id, "500", currency="JPY")
        assert (entry.kind, entry.amount, entry.granted_by) == (CreditKind.GRANT, usd(1230), STAFF)
        assert await till.balances(user_id) == [Money(500, "JPY"), usd(1300)]
        assert await till.balances(uuid4()) == []

    async def test_a_repeat_gets_the_first_answer(self, till: Till) -> None:
        user_id = uuid4()
        first = await till.grant(user_id, "5", "key")
        assert await till.grant(user_id, "5", "key") == first
        assert await till.balances(user_id) == [usd(500)]
        with pytest.raises(IdempotencyMismatch):
            await till.grant(user_id, "6", "key", request=Repeatable("key", b"other"))

    @pytest.mark.parametrize(
        ("amount", "currency", "field"),
        [("0", "USD", "amount"), ("1.001", "USD", "amount"), ("1e20", "USD", "amount"), ("1", "XXX", "currency")],
    )
    async def test_no_amount_of_the_currency_names_the_field(
        self, till: Till, amount: str, currency: str, field: str
    ) -> None:
        with pytest.raises(CreditRefused, match=field) as refused:
            await till.grant(uuid4(), amount, currency=currency)
        assert [name for name, _ in refused.value.violations] == [field]
        assert till.unit.credit.entries == []


class TestSeeing:
    async def test_staff_see_anybodys_and_others_only_their_own(self, till: Till) -> None:
        user_id, other = uuid4(), uuid4()
        await till.grant(user_id, "5")
        assert await till.get_credit(GetCredit(user_id, other, is_staff=True)) == [usd(500)]
        with pytest.raises(OnlyStaffSeeOthersCredit):
            await till.get_credit(GetCredit(user_id, other, is_staff=False))
        with pytest.raises(OnlyStaffSeeOthersCredit):
            await till.list_credit(ListCreditEntries(user_id, other, is_staff=False, before=None, size=10))

    async def test_pages_of_entries_newest_first(self, till: Till) -> None:
        user_id = uuid4()
        made = [await till.grant(user_id, str(number)) for number in (1, 2, 3)]
        page, last = await till.list_credit(ListCreditEntries(user_id, user_id, is_staff=False, before=None, size=2))
        assert page == made[:0:-1]
        rest, end = await till.list_credit(ListCreditEntries(user_id, user_id, is_staff=False, before=last, size=2))
        assert (rest, end) == ([made[0]], None)


class TestPaying:
    async def test_the_payment_method_names_the_provider_and_the_payment_keeps_it(self, till: Till) -> None:
        till.provider.errors["ask"] = OutcomeUnknown()
        order = till.orders.place()
        answer = await till.pay(order, payment_method=STORE_CREDIT)
        assert (answer.status, answer.provider) == (Status.SUCCEEDED, STORE_CREDIT)
        assert (till.only(order).provider, len(till.credit.charges), till.provider.charges) == (STORE_CREDIT, 1, {})
        assert till.facts() == [PaymentConfirmed]
        await till.cancel(order)
        await till.reconcile()
        assert till.only(order).status is Status.REFUNDED
        assert [len(refunds) for refunds in till.credit.refunds.values()] == [1]

    async def test_other_methods_are_the_default_providers(self, till: Till) -> None:
        assert (await till.pay(till.orders.place())).provider == "fake"
        assert till.credit.charges == {}

    async def test_too_little_credit_is_a_decline_with_its_reason(self, till: Till) -> None:
        till.credit.outcome, till.credit.declines_with = ChargeState.DECLINED, INSUFFICIENT_CREDIT
        order = till.orders.place()
        answer = await till.pay(order, payment_method=STORE_CREDIT)
        assert (answer.status, answer.decline_code) == (Status.FAILED, INSUFFICIENT_CREDIT)
        assert till.booked() == []

    async def test_there_are_no_customer_records(self, till: Till) -> None:
        till.provider.customers["own"] = str((order := till.orders.place()).user_id)
        with pytest.raises(CustomerRefused):
            await till.pay(order, payment_method=STORE_CREDIT, customer_id="own")

    async def test_a_notice_of_another_provider_is_about_no_payment(self, till: Till) -> None:
        order = till.orders.place()
        await till.pay(order, payment_method=STORE_CREDIT)
        payment = till.only(order)
        heard = await till.hears(payment, Topic.CHARGE, payment_id=payment.id, charge_state=ChargeState.CANCELLED)
        assert heard == Applied(Outcome.UNKNOWN_PAYMENT)


class TestRefundingToCredit:
    async def test_the_customer_gets_credit_and_the_provider_of_the_payment_is_not_asked(self, till: Till) -> None:
        order, payment = await till.paid()
        till.provider.errors["refund"] = OutcomeUnknown()
        answer = await till.refund(payment, "20.00", to_credit=True)
        assert (answer.status, answer.amount, answer.provider) == (RefundStatus.SUCCEEDED, usd(2000), STORE_CREDIT)
        assert await till.balances(order.user_id) == [usd(2000)]
        (entry,) = till.unit.credit.entries
        assert (entry.kind, entry.payment_id, entry.refund_id) == (CreditKind.REFUND, payment.id, answer.refund_id)
        (refund,) = till.refunds()
        assert (refund.provider, refund.provider_reference, refund.check_at) == (STORE_CREDIT, entry.reference, None)
        assert till.payment(payment.id).status is Status.PARTIALLY_REFUNDED
        assert till.booked() == [(Entry.CAPTURE, 5998), (Entry.FEE, 204), (Entry.REFUND, 2000)]
        assert [line.provider for _, line in till.unit.ledger.lines] == ["fake", "fake", STORE_CREDIT]
        assert till.facts() == [PaymentConfirmed, PaymentRefunded]
        assert (till.provider.refunds, till.credit.refunds) == ({}, {})

    async def test_with_what_goes_back_otherwise_it_is_never_more_than_was_taken(self, till: Till) -> None:
        order, payment = await till.paid()
        await till.refund(payment, "20.00", to_credit=True)
        await till.refund(payment, "30.00")
        with pytest.raises(RefundTooLarge, match=r"at most 9\.98 USD"):
            await till.refund(payment, "10.00", to_credit=True)
        await till.refund(payment, to_credit=True)
        assert await till.balances(order.user_id) == [usd(2998)]
        assert till.payment(payment.id).status is Status.REFUNDED

    async def test_a_cancelled_order_gives_back_what_is_left(self, till: Till) -> None:
        order, payment = await till.paid()
        await till.refund(payment, "20.00", to_credit=True)
        await till.cancel(order)
        await till.reconcile()
        assert [one.amount for one in till.provider.refunds[till.charge_of(payment)]] == [usd(3998)]
        assert till.payment(payment.id).status is Status.REFUNDED

    async def test_a_repeat_gets_the_first_answer(self, till: Till) -> None:
        order, payment = await till.paid()
        first = await till.refund(payment, "20.00", "key", to_credit=True)
        assert await till.refund(payment, "20.00", "key", to_credit=True) == first
        assert await till.balances(order.user_id) == [usd(2000)]

    async def test_nothing_goes_to_credit_while_the_bank_may_take_it(self, till: Till) -> None:
        order, payment = await till.paid()
        for state, text in ((DisputeState.OPEN, "is open"), (DisputeState.LOST, "was lost")):
            till.unit.payments.rows[payment.id] = replace(payment, dispute=state)
            with pytest.raises(NotRefundable, match=text):
                await till.refund(payment, to_credit=True)
        with pytest.raises(PaymentNotFound):
            await till.refund(replace(payment, id=uuid4()), to_credit=True)
        assert await till.balances(order.user_id) == []

    async def test_a_payment_with_credit_goes_back_through_its_provider(self, till: Till) -> None:
        order = till.orders.place()
        await till.pay(order, payment_method=STORE_CREDIT)
        answer = await till.refund(till.only(order), "1.00", to_credit=True)
        assert (answer.status, answer.provider) == (RefundStatus.SUCCEEDED, STORE_CREDIT)
        assert till.unit.credit.entries == []
        assert len(till.credit.refunds) == 1

    async def test_the_comparison_with_the_provider_finds_no_difference(self, till: Till) -> None:
        _, payment = await till.paid()
        await till.refund(payment, "20.00", to_credit=True)
        await till.refund(payment, "5.00")
        page = await till.compare_provider.page("", 10)
        assert await till.compare_provider.compare(page.subjects) == []
        till.provider.refunds.clear()
        (drift,) = await till.compare_provider.compare(page.subjects)
        assert (drift.kind, "5.00 USD refunded" in drift.ours) == ("fake_refunds_differ", True)


class TestComparing:
    async def test_a_balance_is_what_its_entries_come_to(self, till: Till) -> None:
        order, payment = await till.paid()
        await till.grant(order.user_id, "5")
        await till.refund(payment, "20.00", to_credit=True)
        await till.grant(uuid4(), "1")
        page = await till.compare_credit.page("", 10)
        assert (len(page.subjects), page.place) == (2, "")
        assert await till.compare_credit.compare(page.subjects) == []
        assert await till.compare_credit.of_order(order.id) == [str(order.user_id)]
        till.unit.credit.balances[order.user_id, "USD"] -= 1
        (drift,) = await till.compare_credit.compare(page.subjects)
        assert (drift.kind, drift.subject, drift.repair) == (CREDIT_DIFFERS, str(order.user_id), None)
        await till.compare_credit.mend(drift)
        assert await till.compare_credit.compare(page.subjects) == [drift]

    async def test_pages_by_customer(self, till: Till) -> None:
        for _ in range(3):
            await till.grant(uuid4(), "1")
        first = await till.compare_credit.page("", 2)
        rest = await till.compare_credit.page(first.place, 2)
        assert (len(first.subjects), len(rest.subjects), rest.place) == (2, 1, "")


async def test_credit_of_a_payment_that_died_before_it_was_answered_is_taken_once(till: Till) -> None:
    order = till.orders.place()
    till.credit.loses_answers = True
    assert (await till.pay(order, payment_method=STORE_CREDIT)).status is Status.PROCESSING
    till.credit.loses_answers = False
    await till.reconcile(past=timedelta(minutes=2))
    assert till.only(order).status is Status.SUCCEEDED
    assert len(till.credit.charges) == 1
