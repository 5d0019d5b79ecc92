"""What may be paid, and what Stripe's word makes of a payment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from services.payment.domain import (
    CHALLENGE_POLL,
    KEY_LIFE,
    NEVER_CHARGED,
    AlreadyPaid,
    DiffersFromOrder,
    Entry,
    IntentMismatch,
    News,
    OrderNotPayable,
    PaymentInProgress,
    Refusal,
    Status,
    Step,
    after_check,
    apply_refusal,
    conclude_never_charged,
    end_with_order,
    may_conclude,
    next_step,
    require_payable,
    require_unpaid,
)
from tests.unit.payment.given import CHALLENGE, NOW, ORDER, TAKES_AT_MOST, a_payment, an_intent, applied


class TestWhatMayBePaid:
    def test_a_pending_order_at_the_price_that_was_shown(self) -> None:
        require_payable(ORDER, None, None)
        require_payable(ORDER, Decimal("59.98"), "USD")

    @pytest.mark.parametrize("status", ["confirmed", "shipped", "delivered"])
    def test_not_one_that_is_paid(self, status: str) -> None:
        with pytest.raises(AlreadyPaid):
            require_payable(replace(ORDER, status=status), None, None)

    def test_not_one_that_is_cancelled(self) -> None:
        with pytest.raises(OrderNotPayable):
            require_payable(replace(ORDER, status="cancelled"), None, None)

    def test_not_one_for_nothing(self) -> None:
        with pytest.raises(OrderNotPayable):
            require_payable(replace(ORDER, total_minor=0), None, None)

    @pytest.mark.parametrize(("currency", "minor"), [("JPY", 49), ("KWD", 1255), ("USD", 49), ("XXX", 5998)])
    def test_not_one_that_stripe_cannot_charge(self, currency: str, minor: int) -> None:
        with pytest.raises(OrderNotPayable):
            require_payable(replace(ORDER, currency=currency, total_minor=minor), None, None)

    @pytest.mark.parametrize(("currency", "minor", "shown"), [("JPY", 1000, "1000"), ("KWD", 1250, "1.25")])
    def test_currencies_with_other_decimals(self, currency: str, minor: int, shown: str) -> None:
        order = replace(ORDER, currency=currency, total_minor=minor)
        require_payable(order, Decimal(shown), currency)
        with pytest.raises(DiffersFromOrder):
            require_payable(order, Decimal(shown) * 100, currency)

    def test_everything_that_was_shown_otherwise_is_named_with_what_is_right(self) -> None:
        with pytest.raises(DiffersFromOrder) as differs:
            require_payable(ORDER, Decimal("59.97"), "EUR")
        assert differs.value.violations == [
            ("amount", "must be the order's total, 59.98"),
            ("currency", "must be the order's, USD"),
        ]

    @pytest.mark.parametrize("status", [Status.PENDING, Status.PROCESSING, Status.REQUIRES_ACTION])
    def test_a_live_payment_forbids_another(self, status: Status) -> None:
        with pytest.raises(PaymentInProgress):
            require_unpaid([a_payment(status=status)])

    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIALLY_REFUNDED])
    def test_a_paid_one_forbids_another(self, status: Status) -> None:
        with pytest.raises(AlreadyPaid):
            require_unpaid([a_payment(status=Status.FAILED), a_payment(status=status)])

    def test_one_that_came_to_nothing_does_not(self) -> None:
        late = a_payment(status=Status.SUCCEEDED, late=True)
        require_unpaid([a_payment(status=Status.FAILED), a_payment(status=Status.CANCELLED), late])


class TestMoneyThatCame:
    def test_is_booked_with_its_fee_and_announced(self) -> None:
        change = applied(a_payment(), an_intent("succeeded"))
        assert (change.after.status, change.after.intent_id, change.after.processed_at) == (
            Status.SUCCEEDED,
            "pi_1",
            NOW,
        )
        assert change.news is News.CONFIRMED
        assert [(line.entry, line.amount_minor, line.stripe_id) for line in change.ledger] == [
            (Entry.CAPTURE, 5998, "ch_1"),
            (Entry.FEE, 204, "txn_1"),
        ]
        assert (change.after.provider_fee_minor, change.after.net_amount_minor) == (204, 5794)
        assert not change.after.give_back
        assert change.after.check_at is None

    def test_is_booked_once(self) -> None:
        paid = applied(a_payment(), an_intent("succeeded")).after
        again = applied(paid, an_intent("succeeded"))
        assert (again.after, again.news, again.ledger) == (paid, None, ())

    def test_whose_fee_is_not_known_yet_is_looked_at_again(self) -> None:
        unsettled = applied(a_payment(), an_intent("succeeded", settlement=None))
        assert [line.entry for line in unsettled.ledger] == [Entry.CAPTURE]
        assert unsettled.after.check_at is not None
        assert next_step(unsettled.after, NOW) is Step.LOOK_UP
        late = NOW + timedelta(days=29)
        assert after_check(replace(unsettled.after, checks=20), late).check_at == late + timedelta(days=1)
        assert after_check(unsettled.after, NOW + timedelta(days=30)).check_at is None
        settled = applied(unsettled.after, an_intent("succeeded"))
        assert [line.entry for line in settled.ledger] == [Entry.FEE]
        assert (settled.news, settled.after.check_at) == (None, None)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_too_late_for_the_payment_goes_back(self, status: Status) -> None:
        change = applied(a_payment(status=status, close_intent=True), an_intent("succeeded"))
        assert (change.after.status, change.after.late, change.after.close_intent) == (Status.SUCCEEDED, True, False)
        assert change.news is None
        assert change.after.owes
        assert change.after.check_at is not None
        assert change.ledger[0].entry is Entry.CAPTURE

    def test_too_late_for_the_order_goes_back(self) -> None:
        change = applied(a_payment(), an_intent("succeeded"), order_ended=True)
        assert (change.after.status, change.after.late, change.news) == (Status.SUCCEEDED, True, None)
        assert change.after.owes
        assert change.after.check_at is not None
        assert not change.after.counts_as_payment

    @pytest.mark.parametrize(
        "stale", ["requires_action", "processing", "requires_payment_method", "requires_confirmation", "canceled"]
    )
    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED])
    def test_is_not_undone_by_what_is_said_late(self, status: Status, stale: str) -> None:
        paid = replace(applied(a_payment(), an_intent("succeeded")).after, status=status)
        change = applied(paid, an_intent(stale))
        assert (change.after, change.news, change.ledger) == (paid, None, ())


class TestAPaymentThatCameToNothing:
    def test_a_decline_ends_it_and_closes_the_intent(self) -> None:
        declined = an_intent("requires_payment_method", error_code="card_declined", decline_code="insufficient_funds")
        change = applied(a_payment(), declined)
        assert (change.after.status, change.after.decline_code) == (Status.FAILED, "insufficient_funds")
        assert change.news is News.FAILED
        assert (change.after.close_intent, change.after.check_at) == (True, NOW)
        assert next_step(change.after, NOW) is Step.CANCEL
        closed = applied(change.after, an_intent("canceled"))
        assert (closed.after.status, closed.after.close_intent, closed.after.check_at) == (Status.FAILED, False, None)
        assert closed.news is None

    def test_a_decline_without_an_intent_leaves_nothing_to_close(self) -> None:
        change = applied(a_payment(), an_intent("requires_payment_method", id=None, error_code="expired_card"))
        assert (change.after.status, change.after.decline_code) == (Status.FAILED, "expired_card")
        assert (change.after.close_intent, change.after.check_at) == (False, None)

    def test_a_cancellation_at_stripe_ends_it(self) -> None:
        change = applied(a_payment(), an_intent("canceled", cancellation_reason="abandoned"))
        assert (change.after.status, change.after.error_code, change.after.decline_code) == (
            Status.CANCELLED,
            "abandoned",
            None,
        )
        assert change.news is News.FAILED

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    @pytest.mark.parametrize("stale", ["requires_action", "processing"])
    def test_does_not_come_alive_again(self, status: Status, stale: str) -> None:
        ended = a_payment(status=status, intent_id="pi_1", check_at=None)
        change = applied(ended, an_intent(stale))
        assert (change.after, change.news) == (ended, None)

    def test_a_request_that_stripe_refuses_is_told_to_nobody(self) -> None:
        change = apply_refusal(a_payment(), Refusal.PAYMENT_METHOD, "resource_missing", NOW)
        assert (change.after.status, change.after.refusal) == (Status.FAILED, Refusal.PAYMENT_METHOD)
        assert (change.news, change.after.check_at) == (None, None)

    def test_a_refusal_does_not_undo_an_outcome(self) -> None:
        paid = applied(a_payment(), an_intent("succeeded")).after
        assert apply_refusal(paid, Refusal.REQUEST, None, NOW).after == paid

    def test_one_that_stripe_never_heard_of_has_failed(self) -> None:
        change = conclude_never_charged(a_payment(), NOW)
        assert (change.after.status, change.after.decline_code, change.news) == (
            Status.FAILED,
            NEVER_CHARGED,
            News.FAILED,
        )

    def test_one_that_stripe_never_heard_of_ends_with_its_order(self) -> None:
        change = conclude_never_charged(a_payment(close_intent=True), NOW)
        assert change.after.status is Status.CANCELLED

    def test_what_is_known_by_then_is_not_concluded_away(self) -> None:
        paid = applied(a_payment(), an_intent("succeeded")).after
        assert conclude_never_charged(paid, NOW).after == paid


class TestAChallenge:
    def test_is_announced_once(self) -> None:
        first = applied(a_payment(), an_intent("requires_action"))
        assert (first.after.status, first.news) == (Status.REQUIRES_ACTION, News.REQUIRES_ACTION)
        again = applied(first.after, an_intent("requires_action"))
        assert (again.after.status, again.news) == (Status.REQUIRES_ACTION, None)
        after_processing = applied(applied(first.after, an_intent("processing")).after, an_intent("requires_action"))
        assert after_processing.news is None
        assert after_processing.after.challenge_ends_at == first.after.challenge_ends_at

    def test_is_looked_up_now_and_then_and_ended_in_time(self) -> None:
        waiting = applied(a_payment(), an_intent("requires_action")).after
        assert waiting.check_at == NOW + CHALLENGE_POLL
        assert next_step(waiting, NOW + CHALLENGE_POLL) is Step.LOOK_UP
        nearly = NOW + CHALLENGE - timedelta(seconds=1)
        assert after_check(waiting, nearly).check_at == NOW + CHALLENGE
        assert next_step(waiting, NOW + CHALLENGE) is Step.CANCEL

    def test_that_could_not_be_cancelled_yet_is_not_tried_again_at_once(self) -> None:
        waiting = applied(a_payment(), an_intent("requires_action")).after
        late = NOW + CHALLENGE
        assert after_check(waiting, late).check_at == late + CHALLENGE_POLL

    def test_is_not_begun_for_an_order_that_has_ended(self) -> None:
        change = applied(a_payment(), an_intent("requires_action"), order_ended=True)
        assert change.news is None
        assert (change.after.close_intent, change.after.check_at) == (True, NOW)
        assert next_step(change.after, NOW) is Step.CANCEL


class TestWhatIsDueAtStripe:
    def test_an_unknown_outcome_is_asked_for_again_while_the_key_lives(self) -> None:
        unknown = a_payment()
        assert unknown.check_at == NOW + TAKES_AT_MOST
        assert next_step(unknown, NOW + KEY_LIFE - timedelta(seconds=1)) is Step.ASK
        assert next_step(unknown, NOW + KEY_LIFE) is Step.SEARCH

    def test_nobody_is_charged_for_an_order_that_was_cancelled_meanwhile(self) -> None:
        assert next_step(end_with_order(a_payment(), NOW).after, NOW) is Step.SEARCH

    def test_a_search_without_a_result_proves_nothing_for_a_while(self) -> None:
        asked = a_payment(asked_at=NOW)
        lag = timedelta(minutes=5)
        assert not may_conclude(asked, NOW + lag - timedelta(seconds=1), lag)
        assert may_conclude(asked, NOW + lag, lag)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_nothing_for_what_is_over(self, status: Status) -> None:
        ended = a_payment(status=status, intent_id="pi_1")
        assert next_step(ended, NOW) is Step.NOTHING
        assert after_check(ended, NOW).check_at is None

    def test_looks_become_rarer(self) -> None:
        checked = [after_check(a_payment(intent_id="pi_1", checks=checks), NOW) for checks in (1, 2, 3, 20)]
        assert [payment.check_at for payment in checked] == [
            NOW + timedelta(seconds=seconds) for seconds in (10, 20, 40, 300)
        ]

    def test_an_intent_that_is_being_processed_is_not_cancelled_in_a_tight_loop(self) -> None:
        closing = end_with_order(a_payment(intent_id="pi_1"), NOW).after
        assert closing.check_at == NOW
        taken = replace(closing, checks=closing.checks + 1)
        refused = applied(taken, an_intent("processing"), order_ended=True).after
        assert refused.check_at is not None
        assert refused.check_at > NOW


class TestACancelledOrder:
    def test_closes_a_live_payment(self) -> None:
        waiting = applied(a_payment(), an_intent("requires_action")).after
        change = end_with_order(waiting, NOW)
        assert (change.after.close_intent, change.after.check_at, change.after.give_back) == (True, NOW, False)
        ended = applied(change.after, an_intent("canceled"), order_ended=True)
        assert (ended.after.status, ended.news) == (Status.CANCELLED, News.FAILED)

    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIALLY_REFUNDED])
    def test_gives_back_what_was_paid(self, status: Status) -> None:
        change = end_with_order(a_payment(status=status, intent_id="pi_1"), NOW)
        assert (change.after.status, change.after.owes) == (status, True)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_leaves_the_rest_alone(self, status: Status) -> None:
        payment = a_payment(status=status, intent_id="pi_1")
        assert end_with_order(payment, NOW).after == payment

    def test_minds_what_a_bank_may_send_back_yet(self) -> None:
        payment = a_payment(status=Status.REFUNDED, intent_id="pi_1")
        assert end_with_order(payment, NOW).after == replace(payment, give_back=True)


@pytest.mark.parametrize(
    "foreign",
    [{"payment_id": uuid4()}, {"payment_id": None}, {"amount_minor": 5999}, {"currency": "EUR"}, {"id": "pi_2"}],
)
def test_nothing_is_booked_from_a_foreign_intent(foreign: dict[str, object]) -> None:
    with pytest.raises(IntentMismatch):
        applied(a_payment(intent_id="pi_1"), an_intent("succeeded", **foreign))


def test_a_state_that_we_do_not_know_is_not_guessed_at() -> None:
    with pytest.raises(IntentMismatch):
        applied(a_payment(), an_intent("requires_capture"))
