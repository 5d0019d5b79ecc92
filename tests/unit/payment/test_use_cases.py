"""Payment's use cases with its ports in memory. The adapters are held by tests/integration/payment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.chassis.plain import clock, deadlines
from services.chassis.plain.errors import IdempotencyMismatch
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.domain.answers import PaymentAnswer
from services.payment.domain.charges import Challenge, Charge, ChargeState, Refusal
from services.payment.domain.disputes import DisputeState, Movement, ProviderDispute
from services.payment.domain.facts import PaymentConfirmed, PaymentFailed, PaymentRefunded, PaymentRequiresAction
from services.payment.domain.keys import SERVER_ERRORS
from services.payment.domain.ledger import Entry
from services.payment.domain.notices import Notice, Topic
from services.payment.domain.orders import AlreadyPaid, Order, OrderNotFound, OrderNotPayable
from services.payment.domain.payments import (
    CustomerRefused,
    OrderPayment,
    OrderPaymentState,
    Payment,
    PaymentInProgress,
    PaymentMethodRefused,
    PaymentNotFound,
    Status,
    Stranded,
)
from services.payment.domain.refunds import ProviderRefund, RefundRefused, RefundStatus, RefundTooLarge
from services.payment.ports import (
    KeyUsedOtherwise,
    NotAsked,
    NotAuthorized,
    NotStorable,
    OutcomeUnknown,
    Providers,
    Refused,
    ServersFail,
    UnknownCharge,
)
from services.payment.use_cases import asking
from services.payment.use_cases.apply_notice import Applied, ApplyNotice, Outcome
from services.payment.use_cases.apply_order_status import ApplyOrderStatus
from services.payment.use_cases.close_stranded import CloseStranded
from services.payment.use_cases.confirm_payment import ConfirmPayment
from services.payment.use_cases.get_payment import GetPayment
from services.payment.use_cases.list_payments import ListPayments
from services.payment.use_cases.list_refunds import ListRefunds
from services.payment.use_cases.list_stranded import ListStranded
from services.payment.use_cases.look_up_order_payment import LookUpOrderPayment
from services.payment.use_cases.retry_stranded import RetryStranded
from services.payment.use_cases.settle_payment import RequestRefused
from tests.unit.payment.fakes import FakeProvider
from tests.unit.payment.till import STAFF, Till, usd

SOON = timedelta(minutes=2)
HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)


@pytest.fixture
def till() -> Till:
    return Till()


async def how_far(till: Till, order: Order) -> OrderPaymentState:
    return (await till.look_up(LookUpOrderPayment(order.id))).state


class TestPaying:
    async def test_money_is_taken_booked_and_announced_once(self, till: Till) -> None:
        before = REGISTRY.get_sample_value("payments_total", {"status": "succeeded", "provider": "fake"}) or 0
        order, payment = await till.paid()
        assert (payment.status, payment.provider_fee, payment.check_at) == (Status.SUCCEEDED, usd(204), None)
        assert till.booked() == [(Entry.CAPTURE, 5998), (Entry.FEE, 204)]
        assert till.facts() == [PaymentConfirmed]
        assert REGISTRY.get_sample_value("payments_total", {"status": "succeeded", "provider": "fake"}) == before + 1
        with pytest.raises(AlreadyPaid):
            await till.pay(order)

    async def test_a_repeat_gets_the_first_answer(self, till: Till) -> None:
        order = till.orders.place()
        first = await till.pay(order, "key")
        assert await till.pay(order, "key") == first
        assert len(till.provider.charges) == 1
        with pytest.raises(IdempotencyMismatch):
            await till.pay(order, "key", request=Repeatable("key", b"other"))

    async def test_a_decline_ends_the_order_and_closes_the_charge(self, till: Till) -> None:
        till.provider.outcome = ChargeState.DECLINED
        order = till.orders.place()
        answer = await till.pay(order)
        assert (answer.status, answer.decline_code) == (Status.FAILED, "insufficient_funds")
        assert till.facts() == [PaymentFailed]
        assert till.recorder.due.is_set()
        with pytest.raises(OrderNotPayable):
            await till.pay(order)
        await till.reconcile()
        assert [one.state for one in till.provider.charges.values()] == [ChargeState.CANCELLED]

    async def test_somebody_elses_order_and_customer(self, till: Till) -> None:
        order = till.orders.place()
        with pytest.raises(OrderNotFound):
            await till.pay(order, user_id=uuid4())
        till.provider.customers["other"] = str(uuid4())
        with pytest.raises(CustomerRefused, match="must be a customer of your own"):
            await till.pay(order, customer_id="other")
        till.provider.customers["own"] = str(order.user_id)
        assert (await till.pay(order, customer_id="own")).status is Status.SUCCEEDED

    @pytest.mark.parametrize(
        ("refusal", "error", "text"),
        [
            (Refusal.PAYMENT_METHOD, PaymentMethodRefused, "does not accept this payment method"),
            (Refusal.CUSTOMER, CustomerRefused, "must be a customer of your own"),
            (Refusal.AMOUNT, OrderNotPayable, "does not accept this amount"),
        ],
    )
    async def test_a_refusal_leaves_the_order_payable_and_is_the_answer_to_repeats(
        self, till: Till, refusal: Refusal, error: type[Exception], text: str
    ) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = Refused(refusal, "code", None)
        for _ in range(2):
            with pytest.raises(error, match=text):
                await till.pay(order, "key")
        assert till.facts() == []
        till.provider.errors.clear()
        assert (await till.pay(order)).status is Status.SUCCEEDED

    @pytest.mark.parametrize(
        ("error", "raised"),
        [
            (Refused(Refusal.REQUEST, "code", None), RequestRefused),
            (NotAuthorized(), NotAuthorized),
            (NotAsked(timedelta(seconds=60)), NotAsked),
        ],
    )
    async def test_what_is_our_own_fault_is_withdrawn_and_the_key_is_free(
        self, till: Till, error: Exception, raised: type[Exception]
    ) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = error
        with pytest.raises(raised):
            await till.pay(order, "key")
        assert till.only(order).status is Status.FAILED
        till.provider.errors.clear()
        assert (await till.pay(order, "key")).status is Status.SUCCEEDED

    async def test_another_payment_in_progress(self, till: Till) -> None:
        till.provider.outcome = ChargeState.PROCESSING
        order = till.orders.place()
        await till.pay(order)
        with pytest.raises(PaymentInProgress):
            await till.pay(order)

    async def test_an_order_that_was_cancelled_meanwhile(self, till: Till) -> None:
        order = till.orders.place()
        await till.cancel(order)
        with pytest.raises(OrderNotPayable, match="can no longer be paid"):
            await till.pay(order)

    async def test_a_fee_that_cannot_be_stored_holds_up_no_capture(self, till: Till) -> None:
        till.unit.ledger.refuses = Entry.FEE
        _, payment = await till.paid()
        assert (payment.status, payment.provider_fee) == (Status.SUCCEEDED, None)
        assert till.booked() == [(Entry.CAPTURE, 5998)]
        till.unit.ledger.refuses = None
        await till.reconcile(past=SOON)
        assert till.booked() == [(Entry.CAPTURE, 5998), (Entry.FEE, 204)]

    async def test_a_capture_that_cannot_be_stored_is_an_error(self, till: Till) -> None:
        till.provider.outcome = ChargeState.PROCESSING
        order = till.orders.place()
        await till.pay(order)
        payment = till.only(order)
        till.provider.become(till.charge_of(payment), ChargeState.SUCCEEDED)
        till.unit.ledger.refuses = Entry.CAPTURE
        with pytest.raises(NotStorable):
            await till.hears(payment, Topic.CHARGE, charge_state=ChargeState.SUCCEEDED)


class TestAChallenge:
    @pytest.fixture(autouse=True)
    def _challenges(self, till: Till) -> None:
        till.provider.outcome = ChargeState.NEEDS_CHALLENGE

    async def test_is_passed_on_with_its_secret_which_is_not_kept(self, till: Till) -> None:
        order = till.orders.place()
        first = await till.pay(order, "key")
        assert (first.requires_action, first.challenge) == (True, Challenge("secret", "https://bank"))
        assert [one.challenge for one in till.unit.answers.kept.values()] == [None]
        assert await till.pay(order, "key") == first  # asked for again
        assert "secret" not in repr(first)
        assert "https://bank" not in repr(first)

    async def test_is_confirmed_by_its_owner(self, till: Till) -> None:
        order = till.orders.place()
        payment_id = (await till.pay(order)).payment_id
        still = await till.confirm(ConfirmPayment(payment_id, order.user_id))
        assert still.challenge == Challenge("secret", "https://bank")
        till.provider.become(till.charge_of(till.payment(payment_id)), ChargeState.SUCCEEDED)
        for _ in range(2):
            done = await till.confirm(ConfirmPayment(payment_id, order.user_id))
            assert (done.status, done.challenge) == (Status.SUCCEEDED, None)
        assert till.facts() == [PaymentRequiresAction, PaymentConfirmed]
        with pytest.raises(PaymentNotFound):
            await till.confirm(ConfirmPayment(payment_id, uuid4()))

    async def test_ends_in_time(self, till: Till) -> None:
        order = till.orders.place()
        await till.pay(order)
        await till.reconcile(past=timedelta(minutes=16))
        assert (till.only(order).status, till.only(order).error_code) == (Status.CANCELLED, "abandoned")

    async def test_ends_with_its_order(self, till: Till) -> None:
        order = till.orders.place()
        await till.pay(order)
        await till.cancel(order)
        await till.reconcile()
        assert (till.only(order).status, till.only(order).error_code) == (Status.CANCELLED, "order_cancelled")


class TestAnUnknownOutcome:
    async def test_is_asked_for_again_under_the_same_key(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.loses_answers = True
        assert (await till.pay(order, "key")).status is Status.PROCESSING
        till.provider.loses_answers = False
        await till.reconcile(past=SOON)
        assert till.only(order).status is Status.SUCCEEDED
        assert len(till.provider.charges) == 1
        assert (await till.pay(order, "key")).status is Status.PROCESSING  # the first answer
        assert [one.status for one in till.unit.payments.attempts[till.only(order).id]] == ["unknown", "succeeded"]

    async def test_of_a_process_that_died_is_asked_for_again(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = RuntimeError("killed")
        with pytest.raises(RuntimeError):
            await till.pay(order)
        till.provider.errors.clear()
        await till.reconcile(past=SOON)
        assert till.only(order).status is Status.SUCCEEDED

    async def test_whose_key_may_be_forgotten_is_searched_for(self, till: Till) -> None:
        found, none = till.orders.place(), till.orders.place()
        till.provider.loses_answers = True
        await till.pay(found)
        till.provider.loses_answers, till.provider.errors["ask"] = False, OutcomeUnknown()
        await till.pay(none)
        await till.reconcile(past=A_DAY)
        assert till.only(found).status is Status.SUCCEEDED
        assert (till.only(none).status, till.only(none).error_code) == (Status.FAILED, "processing_error")

    async def test_proves_nothing_while_the_search_may_be_behind(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = OutcomeUnknown()
        await till.pay(order)
        await till.cancel(order)
        await till.reconcile()
        assert till.only(order).is_live
        await till.reconcile(past=HOUR)
        assert till.only(order).status is Status.CANCELLED

    async def test_under_a_spent_key_is_asked_for_under_the_next(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = ServersFail()
        await till.pay(order)
        for _ in range(SERVER_ERRORS):
            await till.reconcile(past=SOON)
        till.provider.errors.clear()
        await till.reconcile(past=HOUR)
        payment = till.only(order)
        assert (payment.status, payment.key_number) == (Status.SUCCEEDED, 2)

    async def test_under_a_key_that_was_used_otherwise_is_searched_for(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.loses_answers = True
        await till.pay(order)
        till.provider.loses_answers, till.provider.errors["ask"] = False, KeyUsedOtherwise()
        await till.reconcile(past=SOON)
        assert till.only(order).status is Status.SUCCEEDED

    async def test_is_not_withdrawn_when_our_key_is_refused_later(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = OutcomeUnknown()
        await till.pay(order)
        till.provider.errors["ask"] = NotAuthorized()
        await till.reconcile(past=SOON)
        assert till.only(order).is_live

    async def test_of_a_caller_in_a_hurry_is_processing(self, till: Till) -> None:
        order, answers = till.orders.place(), asyncio.Event()
        ask = till.provider.ask

        async def slowly(payment: Payment) -> object:
            await answers.wait()
            return await ask(payment)

        till.provider.ask = slowly  # type: ignore[method-assign, assignment]

        async def hurry() -> PaymentAnswer:
            deadlines.enter(asyncio.get_running_loop().time() + 1.01)
            return await till.pay(order)

        assert (await asyncio.create_task(hurry())).status is Status.PROCESSING
        answers.set()
        async with asyncio.timeout(5):
            while till.only(order).is_live:
                await asyncio.sleep(0)
        assert till.facts() == [PaymentConfirmed]

    async def test_of_one_that_is_taken_by_two_is_asked_for_once(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.errors["ask"] = OutcomeUnknown()
        await till.pay(order)
        stale = till.only(order)
        till.provider.errors.clear()
        till.unit.payments.rows[stale.id] = replace(stale, close_charge=True)
        assert (await till.reconcile_once.settle_payment(stale)).payment == stale
        assert till.provider.charges == {}


class TestReading:
    async def test_payments_of_ones_own(self, till: Till) -> None:
        order, payment = await till.paid()
        await till.paid()
        mine = ListPayments(order.user_id, is_staff=False, order_id=None, before=None, size=9)
        assert await till.list(mine) == ([payment], None)
        other = replace(mine, user_id=uuid4(), order_id=order.id)
        assert await till.list(other) == ([], None)
        assert await till.list(replace(other, is_staff=True)) == ([payment], None)
        assert await till.get(GetPayment(payment.id, STAFF, is_staff=True)) == payment
        for wrong in (payment.id, uuid4()):
            with pytest.raises(PaymentNotFound):
                await till.get(GetPayment(wrong, uuid4(), is_staff=False))

    async def test_pages(self, till: Till) -> None:
        _, payment = await till.paid()
        for _ in range(3):
            await till.refund(payment, "1.00")
        first, last = await till.list_refunds(ListRefunds(payment.id, None, 2))
        second, end = await till.list_refunds(ListRefunds(payment.id, last, 2))
        assert [one.id for one in first + second] == [one.id for one in till.refunds()][::-1]
        assert (len(first), end) == (2, None)
        with pytest.raises(PaymentNotFound):
            await till.list_refunds(ListRefunds(uuid4(), None, 2))

    async def test_how_far_the_payment_of_an_order_is(self, till: Till) -> None:
        order = till.orders.place()
        assert await how_far(till, order) is OrderPaymentState.NONE
        till.provider.outcome = ChargeState.NEEDS_CHALLENGE
        await till.pay(order)
        assert await how_far(till, order) is OrderPaymentState.LIVE
        till.provider.become(till.charge_of(till.only(order)), ChargeState.SUCCEEDED)
        assert not (await till.look_up(LookUpOrderPayment(order.id))).was_paid
        await till.reconcile(past=SOON)
        assert await till.look_up(LookUpOrderPayment(order.id)) == OrderPayment(OrderPaymentState.PAID, was_paid=True)
        await till.refund(till.only(order))
        assert await till.look_up(LookUpOrderPayment(order.id)) == OrderPayment(OrderPaymentState.NONE, was_paid=True)


class TestRefunding:
    async def test_parts_and_the_rest(self, till: Till) -> None:
        _, payment = await till.paid()
        part = await till.refund(payment, "10.00")
        assert (part.amount, part.status) == (usd(1000), RefundStatus.SUCCEEDED)
        assert till.payment(payment.id).status is Status.PARTIALLY_REFUNDED
        assert (await till.refund(payment)).amount == usd(4998)
        assert till.payment(payment.id).status is Status.REFUNDED
        assert till.booked()[2:] == [(Entry.REFUND, 1000), (Entry.REFUND, 4998)]
        with pytest.raises(RefundTooLarge):
            await till.refund(payment)

    async def test_a_repeat_gets_the_first_answer(self, till: Till) -> None:
        _, payment = await till.paid()
        first = await till.refund(payment, key="key")
        assert await till.refund(payment, key="key") == first
        assert len(till.refunds()) == 1

    async def test_what_there_is_not(self, till: Till) -> None:
        _, payment = await till.paid()
        with pytest.raises(RefundRefused):
            await till.refund(payment, "0.001")
        with pytest.raises(PaymentNotFound):
            await till.refund(replace(payment, id=uuid4()))

    async def test_an_answer_that_is_lost_is_asked_for_again(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.loses_answers = True
        assert (await till.refund(payment, "10.00", "key")).status is RefundStatus.PENDING
        till.provider.loses_answers = False
        await till.reconcile(past=SOON)
        assert [one.status for one in till.refunds()] == [RefundStatus.SUCCEEDED]
        assert len(till.provider.refunds[till.charge_of(payment)]) == 1

    @pytest.mark.parametrize("was_made", [True, False])
    async def test_one_whose_key_may_be_forgotten_is_looked_for_first(self, till: Till, was_made: bool) -> None:
        _, payment = await till.paid()
        if was_made:
            till.provider.loses_answers = True
        else:
            till.provider.errors["refund"] = OutcomeUnknown()
        await till.refund(payment)
        till.provider.loses_answers = False
        till.provider.errors.clear()
        await till.reconcile(past=A_DAY)
        assert [one.status for one in till.refunds()] == [RefundStatus.SUCCEEDED]
        assert len(till.provider.refunds[till.charge_of(payment)]) == 1

    async def test_one_that_is_refused_has_failed_with_its_reason(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["refund"] = Refused(Refusal.REQUEST, "charge_already_refunded", None)
        answer = await till.refund(payment, key="key")
        assert (answer.status, answer.failure_code) == (RefundStatus.FAILED, "charge_already_refunded")
        assert await till.refund(payment, key="key") == answer

    async def test_a_failure_of_the_servers_that_stays(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["refund"] = ServersFail()
        await till.refund(payment)
        for _ in range(20):
            await till.reconcile(past=timedelta(minutes=6))
        (refund,) = till.refunds()
        assert (refund.status, refund.failure_code, refund.key_number) == (RefundStatus.FAILED, "api_error", 3)

    async def test_a_failure_of_the_servers_under_one_key(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["refund"] = ServersFail()
        await till.refund(payment)
        for _ in range(2):
            await till.reconcile(past=timedelta(minutes=6))
        till.provider.errors.clear()
        await till.reconcile(past=timedelta(minutes=6))
        (refund,) = till.refunds()
        assert (refund.status, refund.key_number) == (RefundStatus.SUCCEEDED, 2)

    async def test_a_key_that_was_used_otherwise_is_not_used_again(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["refund"] = KeyUsedOtherwise()
        assert (await till.refund(payment)).status is RefundStatus.PENDING
        till.provider.errors.clear()
        await till.reconcile(past=HOUR)
        (refund,) = till.refunds()
        assert (refund.status, refund.key_number) == (RefundStatus.SUCCEEDED, 2)

    async def test_one_that_takes_its_time_is_looked_at(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.refund_status = RefundStatus.PENDING
        assert (await till.refund(payment)).status is RefundStatus.PENDING
        (made,) = till.provider.refunds[till.charge_of(payment)]
        till.provider.refunds[till.charge_of(payment)] = [replace(made, status=RefundStatus.SUCCEEDED)]
        await till.reconcile(past=SOON)
        assert [one.status for one in till.refunds()] == [RefundStatus.SUCCEEDED]

    async def test_of_a_charge_that_the_provider_does_not_know(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["refund"] = UnknownCharge()
        await till.refund(payment)
        assert till.payment(payment.id).stranded is Stranded.UNKNOWN_AT_PROVIDER
        assert [one.check_at for one in till.refunds()] == [None]

    async def test_of_a_payment_that_was_never_captured_is_a_bug(self, till: Till) -> None:
        _, payment = await till.paid()
        await till.refund(payment)
        till.unit.payments.rows[payment.id] = replace(till.payment(payment.id), provider_reference=None)
        with pytest.raises(RuntimeError, match="never captured"):
            await till.reconcile_once.settle_refund(till.refunds()[0])


class TestACancelledOrder:
    async def test_gives_back_what_was_paid_once(self, till: Till) -> None:
        order, payment = await till.paid()
        event = ApplyOrderStatus(uuid4(), order.id, "cancelled")
        for _ in range(2):
            await till.apply_status(event)
        assert till.recorder.due.is_set()
        await till.reconcile()
        assert till.payment(payment.id).status is Status.REFUNDED
        assert till.facts() == [PaymentConfirmed, PaymentRefunded]
        assert await how_far(till, order) is OrderPaymentState.NONE

    async def test_other_statuses_change_nothing(self, till: Till) -> None:
        order = till.orders.place()
        await till.apply_status(ApplyOrderStatus(uuid4(), order.id, "confirmed"))
        assert (await till.pay(order)).status is Status.SUCCEEDED

    async def test_money_that_comes_late_goes_back(self, till: Till) -> None:
        order = till.orders.place()
        till.provider.outcome = ChargeState.PROCESSING
        await till.pay(order)
        await till.cancel(order)
        await till.reconcile()
        till.provider.become(till.charge_of(till.only(order)), ChargeState.SUCCEEDED)
        await till.reconcile(past=HOUR)
        assert (till.only(order).status, till.only(order).late) == (Status.REFUNDED, True)
        assert till.facts() == [PaymentRefunded]


class TestStranded:
    async def returned(self, till: Till) -> Payment:
        """A cancelled order's refund that the bank has sent back."""
        order, payment = await till.paid()
        await till.cancel(order)
        await till.reconcile()
        self.sent_back(till, payment)
        await till.hears(payment, Topic.REFUND)
        return till.payment(payment.id)

    def sent_back(self, till: Till, payment: Payment) -> None:
        made = till.provider.refunds[till.charge_of(payment)]
        made[-1] = replace(made[-1], status=RefundStatus.FAILED, failure_code="expired_card")

    async def test_needs_a_person_and_is_counted(self, till: Till) -> None:
        with capture_logs() as logs:
            payment = await self.returned(till)
        assert payment.stranded is Stranded.REFUND_RETURNED
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["payment_stranded"]
        assert [one.id for one in await till.stranded(ListStranded(9))] == [payment.id]
        await till.count()
        assert REGISTRY.get_sample_value("argosy_payments_stranded", {"reason": "refund_returned"}) == 1
        assert REGISTRY.get_sample_value("argosy_payments_stranded", {"reason": "disputed"}) == 0

    async def test_is_retried_by_an_operator(self, till: Till) -> None:
        payment = await self.returned(till)
        assert await till.retry(RetryStranded(None, "ada")) == [payment.id]
        await till.reconcile()
        assert till.payment(payment.id).status is Status.REFUNDED
        assert await till.retry(RetryStranded([payment.id, uuid4()], "ada")) == []

    async def test_is_closed_by_other_means(self, till: Till) -> None:
        payment = await self.returned(till)
        close = CloseStranded(payment.id, "bank transfer", "ada")
        assert await till.close(close)
        assert till.payment(payment.id).given_back_otherwise == "bank transfer"
        assert not await till.close(close)
        assert not await till.recorder.charges.settled_otherwise(payment, "again")

    async def test_a_live_one_that_the_provider_does_not_know_has_failed_when_it_is_closed(self, till: Till) -> None:
        till.provider.outcome = ChargeState.NEEDS_CHALLENGE
        order = till.orders.place()
        await till.pay(order, "key")
        till.provider.charges.clear()
        await till.reconcile(past=SOON)
        assert till.only(order).stranded is Stranded.UNKNOWN_AT_PROVIDER
        assert await till.close(CloseStranded(till.only(order).id, "not charged", "ada"))
        assert till.only(order).status is Status.FAILED
        assert till.facts() == [PaymentRequiresAction, PaymentFailed]

    async def test_pending_refunds_are_due_again(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["refund"] = UnknownCharge()
        await till.refund(payment)
        till.provider.errors.clear()
        await till.retry(RetryStranded([payment.id], "ada"))
        await till.reconcile()
        assert [one.status for one in till.refunds()] == [RefundStatus.SUCCEEDED]

    async def test_is_looked_at_now_and_then(self, till: Till) -> None:
        payment = await self.returned(till)
        by_hand = ProviderRefund("by hand", RefundStatus.SUCCEEDED, usd(5998), None)
        till.provider.refunds[till.charge_of(payment)].append(by_hand)
        await till.reconcile(past=2 * HOUR)
        found = till.payment(payment.id)
        assert (found.status, found.stranded, found.check_at) == (Status.REFUNDED, None, None)


class TestDisputes:
    def dispute(self, till: Till, payment: Payment, state: DisputeState) -> None:
        moved = (Movement("moved", usd(-5998), usd(1500)),)
        seen = ProviderDispute("dispute", state.value, state, usd(5998), "fraudulent", moved)
        till.provider.disputes[till.charge_of(payment)] = [seen]

    async def test_is_booked_and_counted_once(self, till: Till) -> None:
        before = REGISTRY.get_sample_value("argosy_disputes_total", {"state": "open"}) or 0
        _, payment = await till.paid()
        self.dispute(till, payment, DisputeState.OPEN)
        for _ in range(2):
            await till.hears(payment, Topic.DISPUTE)
        assert till.payment(payment.id).dispute is DisputeState.OPEN
        assert till.booked()[2:] == [(Entry.DISPUTE, 5998), (Entry.DISPUTE_FEE, 1500)]
        assert REGISTRY.get_sample_value("argosy_disputes_total", {"state": "open"}) == before + 1

    async def test_an_open_one_holds_up_what_goes_back_until_it_is_won(self, till: Till) -> None:
        order, payment = await till.paid()
        self.dispute(till, payment, DisputeState.OPEN)
        await till.hears(payment, Topic.DISPUTE)
        await till.cancel(order)
        await till.reconcile()
        assert till.payment(payment.id).stranded is Stranded.DISPUTED
        self.dispute(till, payment, DisputeState.WON)
        await till.reconcile(past=2 * HOUR)
        assert till.payment(payment.id).status is Status.REFUNDED

    async def test_after_a_lost_one_a_stored_refund_is_not_asked_for(self, till: Till) -> None:
        order, payment = await till.paid()
        await till.cancel(order)
        self.dispute(till, payment, DisputeState.LOST)
        await till.hears(payment, Topic.DISPUTE)
        await till.reconcile()
        assert [one.failure_code for one in till.refunds()] == ["dispute_lost"]
        assert till.provider.refunds == {}

    async def test_of_what_took_no_money_is_not_ours(self, till: Till) -> None:
        till.provider.outcome = ChargeState.PROCESSING
        order = till.orders.place()
        await till.pay(order)
        self.dispute(till, till.only(order), DisputeState.OPEN)
        applied = await till.hears(till.only(order), Topic.DISPUTE)
        assert applied.outcome is Outcome.FOREIGN
        assert "not captured" in (applied.mismatch or "")


class TestNotices:
    @pytest.mark.parametrize("state", [ChargeState.SUCCEEDED, ChargeState.DECLINED, ChargeState.CANCELLED])
    async def test_one_that_overtakes_our_answer_is_found_by_the_payment(self, till: Till, state: ChargeState) -> None:
        order = till.orders.place()
        till.provider.loses_answers, till.provider.outcome = True, state
        await till.pay(order)
        (reference,) = till.provider.charges
        payment, what = till.only(order), {"charge_reference": reference, "payment_id": till.only(order).id}
        assert (await till.hears(payment, Topic.CHARGE, charge_state=state, **what)).outcome is Outcome.TAKEN
        assert not till.only(order).is_live
        again = await till.hears(payment, Topic.CHARGE, charge_state=state, **what)
        assert again.outcome is Outcome.KNOWN

    async def test_one_that_overtakes_our_answer_waits_for_it(self, till: Till) -> None:
        order, made, answers = till.orders.place(), asyncio.Event(), asyncio.Event()
        ask = till.provider.ask

        async def late(payment: Payment) -> Charge:
            charge = await ask(payment)
            made.set()
            await answers.wait()
            return charge

        till.provider.ask = late  # type: ignore[method-assign]
        till.provider.errors["look_up"] = AssertionError("asked")
        paying = asyncio.create_task(till.pay(order))
        await made.wait()
        (reference,) = till.provider.charges
        payment, what = till.only(order), {"charge_reference": reference, "payment_id": till.only(order).id}
        heard = asyncio.create_task(till.hears(payment, Topic.CHARGE, charge_state=ChargeState.SUCCEEDED, **what))
        await asyncio.sleep(0)
        answers.set()
        assert (await heard).outcome is Outcome.KNOWN
        assert (await paying).status is Status.SUCCEEDED

    async def test_one_waits_no_longer_than_it_must(self, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "WAIT_SECONDS", 0.01)
        order = till.orders.place()
        till.provider.loses_answers = True
        await till.pay(order)
        payment, (reference,) = till.only(order), till.provider.charges
        what = {"charge_reference": reference, "payment_id": payment.id}
        with till.settle.asking.about(payment.id):
            heard = await till.hears(payment, Topic.CHARGE, charge_state=ChargeState.SUCCEEDED, **what)
        assert heard.outcome is Outcome.TAKEN
        assert till.only(order).status is Status.SUCCEEDED

    async def test_one_that_is_known_asks_nobody(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.errors["look_up"] = AssertionError("asked")
        known = await till.hears(payment, Topic.CHARGE, charge_state=ChargeState.SUCCEEDED)
        assert known.outcome is Outcome.KNOWN
        twice = Notice("fake", "twice", "word", Topic.REFUND, charge_reference=payment.provider_reference)
        assert (await till.notice(ApplyNotice(twice))).outcome is Outcome.TAKEN
        assert (await till.notice(ApplyNotice(twice))).outcome is Outcome.KNOWN

    async def test_one_about_a_refund_that_is_known(self, till: Till) -> None:
        _, payment = await till.paid()
        await till.refund(payment, "10.00")
        (refund,) = till.refunds()
        what = {"refund_reference": refund.provider_reference, "refund_status": RefundStatus.SUCCEEDED}
        assert (await till.hears(payment, Topic.REFUND, **what)).outcome is Outcome.KNOWN

    async def test_one_that_names_its_capture_alone(self, till: Till) -> None:
        _, payment = await till.paid()
        by_hand = ProviderRefund("by hand", RefundStatus.SUCCEEDED, usd(1000), None)
        till.provider.refunds[till.charge_of(payment)] = [by_hand]
        what = {"charge_reference": None, "capture_reference": f"capture-{payment.key}"}
        assert (await till.hears(payment, Topic.REFUND, **what)).outcome is Outcome.TAKEN
        assert till.payment(payment.id).status is Status.PARTIALLY_REFUNDED

    async def test_a_notice_of_an_unknown_payment(self, till: Till) -> None:
        _, payment = await till.paid()
        unknown = await till.hears(payment, Topic.CHARGE, charge_reference="other", payment_id=uuid4())
        assert unknown == Applied(Outcome.UNKNOWN_PAYMENT)

    async def test_one_about_a_charge_that_only_claims_to_be_ours(self, till: Till) -> None:
        _, payment = await till.paid()
        till.provider.charges["cheap"] = replace(
            till.provider.charges[till.charge_of(payment)], reference="cheap", amount=usd(100)
        )
        foreign = await till.hears(payment, Topic.CHARGE, charge_reference="cheap", payment_id=payment.id)
        assert foreign.outcome is Outcome.FOREIGN
        assert foreign.mismatch is not None
        assert till.booked() == [(Entry.CAPTURE, 5998), (Entry.FEE, 204)]

    @pytest.mark.parametrize("ours", [True, False])
    async def test_one_about_a_charge_that_the_provider_does_not_know(self, till: Till, ours: bool) -> None:
        _, payment = await till.paid()
        till.provider.charges.clear()
        what = {} if ours else {"charge_reference": "other", "payment_id": payment.id}
        applied = await till.hears(payment, Topic.CHARGE, **what)
        assert applied == Applied(Outcome.FOREIGN)
        stranded = Stranded.UNKNOWN_AT_PROVIDER if ours else None
        assert till.payment(payment.id).stranded is stranded

    async def test_one_that_cannot_be_applied_now_is_applied_later(self, till: Till) -> None:
        till.provider.outcome = ChargeState.NEEDS_CHALLENGE
        order = till.orders.place()
        await till.pay(order)
        till.provider.become(till.charge_of(till.only(order)), ChargeState.SUCCEEDED)
        till.provider.errors["look_up"] = OutcomeUnknown()
        with pytest.raises(OutcomeUnknown):
            await till.hears(till.only(order), Topic.CHARGE, charge_state=ChargeState.SUCCEEDED)
        till.provider.errors.clear()
        await till.hears(till.only(order), Topic.CHARGE, charge_state=ChargeState.SUCCEEDED)
        assert till.only(order).status is Status.SUCCEEDED


async def test_a_step_that_fails_holds_up_no_other_and_is_taken_again(till: Till) -> None:
    till.provider.outcome = ChargeState.DECLINED
    orders = [till.orders.place() for _ in range(2)]
    for order in orders:
        await till.pay(order)
    till.provider.errors["cancel"] = RuntimeError("a bug")
    with capture_logs() as logs:
        assert await till.reconcile_once() == 2
    assert [line["event"] for line in logs] == ["reconciliation_failed"] * 2
    assert all((till.only(order).check_at or clock.now()) > clock.now() for order in orders)
    till.provider.errors.clear()
    await till.reconcile(past=SOON)
    assert all(till.only(order).check_at is None for order in orders)


async def test_an_answer_without_its_payment_is_a_bug(till: Till) -> None:
    till.provider.outcome = ChargeState.NEEDS_CHALLENGE
    answer = await till.pay(till.orders.place())
    till.unit.payments.rows.clear()
    with pytest.raises(RuntimeError, match="is gone"):
        await till.create.answers.complete(replace(answer, challenge=None))


async def test_each_payment_stays_with_its_provider(till: Till) -> None:
    """New payments go to another one; what began with the first is refunded there."""
    other = FakeProvider()
    other.name = "other"
    _, before = await till.paid()
    providers = Providers({"fake": till.provider, "other": other}, "other")
    for part in (till.create, till.create.answers, till.create.settle, till.create_refund.settle):
        object.__setattr__(part, "providers", providers)
    _, after = await till.paid()
    assert (before.provider, after.provider) == ("fake", "other")
    for payment in (before, after):
        await till.refund(payment, "1.00")
    assert len(till.provider.refunds) == len(other.refunds) == 1
    assert {line.provider for _, line in till.unit.ledger.lines} == {"fake", "other"}


async def test_a_payment_of_a_provider_that_this_version_lacks_is_left_alone(till: Till) -> None:
    till.provider.outcome = ChargeState.PROCESSING
    order = till.orders.place()
    await till.pay(order)
    due = replace(till.only(order), provider="of a newer version", check_at=clock.now())
    till.unit.payments.rows[due.id] = due
    assert await till.reconcile_once() == 0
    assert till.only(order) == due
