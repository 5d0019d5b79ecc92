"""What may be paid, and what the provider's answer makes of a payment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from services.chassis.plain.money import Money
from services.payment.domain.charges import ChargeMismatch, ChargeState, Refusal
from services.payment.domain.facts import PaymentConfirmed, PaymentFailed, PaymentRequiresAction
from services.payment.domain.failures import NEVER_CHARGED
from services.payment.domain.keys import KEY_LIFE
from services.payment.domain.ledger import Entry
from services.payment.domain.orders import AlreadyPaid, DiffersFromOrder, OrderNotPayable, require_payable
from services.payment.domain.outcomes import apply_refusal, conclude_never_charged, end_with_order
from services.payment.domain.payments import PaymentInProgress, Status, require_unpaid
from services.payment.domain.schedule import CHALLENGE_POLL, Step, after_check, may_conclude, next_step
from tests.unit.payment.given import CHALLENGE, FEE, NOW, ORDER, TAKES_AT_MOST, a_charge, a_payment, applied


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
            require_payable(replace(ORDER, total=Money(0, "USD")), None, None)

    @pytest.mark.parametrize(("currency", "minor"), [("JPY", 49), ("KWD", 1255), ("USD", 49), ("XXX", 5998)])
    def test_not_one_that_cannot_be_charged(self, currency: str, minor: int) -> None:
        with pytest.raises(OrderNotPayable):
            require_payable(replace(ORDER, total=Money(minor, currency)), None, None)

    @pytest.mark.parametrize(("currency", "minor", "shown"), [("JPY", 1000, "1000"), ("KWD", 1250, "1.25")])
    def test_currencies_with_other_decimals(self, currency: str, minor: int, shown: str) -> None:
        order = replace(ORDER, total=Money(minor, currency))
        require_payable(order, Decimal(shown), currency)
        with pytest.raises(DiffersFromOrder):
            require_payable(order, Decimal(shown) * 100, currency)

    def test_every_field_that_differs_is_named_with_the_right_value(self) -> None:
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
        change = applied(a_payment(), a_charge(ChargeState.SUCCEEDED))
        assert (change.after.status, change.after.provider_reference, change.after.processed_at) == (
            Status.SUCCEEDED,
            "pi_1",
            NOW,
        )
        assert type(change.fact) is PaymentConfirmed
        assert [(line.entry, line.amount.minor, line.reference) for line in change.ledger] == [
            (Entry.CAPTURE, 5998, "ch_1"),
            (Entry.FEE, 204, "txn_1"),
        ]
        assert (change.after.provider_fee, change.after.net_amount) == (FEE.fee, FEE.net)
        assert not change.after.give_back
        assert change.after.check_at is None

    def test_is_booked_once(self) -> None:
        paid = applied(a_payment(), a_charge(ChargeState.SUCCEEDED)).after
        again = applied(paid, a_charge(ChargeState.SUCCEEDED))
        assert (again.after, again.fact, again.ledger) == (paid, None, ())

    def test_whose_fee_is_not_known_yet_is_looked_at_again(self) -> None:
        unsettled = applied(a_payment(), a_charge(ChargeState.SUCCEEDED, settlement=None))
        assert [line.entry for line in unsettled.ledger] == [Entry.CAPTURE]
        assert unsettled.after.check_at is not None
        assert next_step(unsettled.after, NOW) is Step.LOOK_UP
        late = NOW + timedelta(days=29)
        assert after_check(replace(unsettled.after, checks=20), late).check_at == late + timedelta(days=1)
        assert after_check(unsettled.after, NOW + timedelta(days=30)).check_at is None
        settled = applied(unsettled.after, a_charge(ChargeState.SUCCEEDED))
        assert [line.entry for line in settled.ledger] == [Entry.FEE]
        assert (settled.fact, settled.after.check_at) == (None, None)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_too_late_for_the_payment_goes_back(self, status: Status) -> None:
        change = applied(a_payment(status=status, close_charge=True), a_charge(ChargeState.SUCCEEDED))
        assert (change.after.status, change.after.late, change.after.close_charge) == (Status.SUCCEEDED, True, False)
        assert change.fact is None
        assert change.after.owes
        assert change.after.check_at is not None
        assert change.ledger[0].entry is Entry.CAPTURE

    def test_too_late_for_the_order_goes_back(self) -> None:
        change = applied(a_payment(), a_charge(ChargeState.SUCCEEDED), order_ended=True)
        assert (change.after.status, change.after.late, change.fact) == (Status.SUCCEEDED, True, None)
        assert change.after.owes
        assert change.after.check_at is not None
        assert not change.after.counts_as_payment

    @pytest.mark.parametrize("stale", [state for state in ChargeState if state is not ChargeState.SUCCEEDED])
    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED])
    def test_is_not_undone_by_late_events(self, status: Status, stale: ChargeState) -> None:
        paid = replace(applied(a_payment(), a_charge(ChargeState.SUCCEEDED)).after, status=status)
        change = applied(paid, a_charge(stale))
        assert (change.after, change.fact, change.ledger) == (paid, None, ())


class TestAPaymentThatCameToNothing:
    def test_a_decline_ends_it_and_closes_the_intent(self) -> None:
        declined = a_charge(ChargeState.DECLINED, error_code="card_declined", decline_code="insufficient_funds")
        change = applied(a_payment(), declined)
        assert (change.after.status, change.after.decline_code) == (Status.FAILED, "insufficient_funds")
        assert type(change.fact) is PaymentFailed
        assert (change.after.close_charge, change.after.check_at) == (True, NOW)
        assert next_step(change.after, NOW) is Step.CANCEL
        closed = applied(change.after, a_charge(ChargeState.CANCELLED))
        assert (closed.after.status, closed.after.close_charge, closed.after.check_at) == (Status.FAILED, False, None)
        assert closed.fact is None

    def test_a_decline_without_a_charge_leaves_nothing_to_close(self) -> None:
        change = applied(a_payment(), a_charge(ChargeState.DECLINED, reference=None, error_code="expired_card"))
        assert (change.after.status, change.after.decline_code) == (Status.FAILED, "expired_card")
        assert (change.after.close_charge, change.after.check_at) == (False, None)

    def test_a_cancellation_at_the_provider_ends_it(self) -> None:
        change = applied(a_payment(), a_charge(ChargeState.CANCELLED, cancellation_reason="abandoned"))
        assert (change.after.status, change.after.error_code, change.after.decline_code) == (
            Status.CANCELLED,
            "abandoned",
            None,
        )
        assert type(change.fact) is PaymentFailed

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_does_not_come_alive_again(self, status: Status) -> None:
        ended = a_payment(status=status, provider_reference="pi_1", check_at=None)
        change = applied(ended, a_charge(ChargeState.PROCESSING))
        assert (change.after, change.fact) == (ended, None)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_a_challenge_that_is_still_open_is_closed(self, status: Status) -> None:
        ended = a_payment(status=status, provider_reference="pi_1", check_at=None)
        change = applied(ended, a_charge(ChargeState.NEEDS_CHALLENGE))
        assert (change.after, change.fact) == (replace(ended, close_charge=True, check_at=NOW), None)
        assert next_step(change.after, NOW) is Step.CANCEL

    def test_a_request_that_the_provider_refuses_publishes_nothing(self) -> None:
        change = apply_refusal(a_payment(), Refusal.PAYMENT_METHOD, "resource_missing", NOW)
        assert (change.after.status, change.after.refusal) == (Status.FAILED, Refusal.PAYMENT_METHOD)
        assert (change.fact, change.after.check_at) == (None, None)

    def test_a_refusal_does_not_undo_an_outcome(self) -> None:
        paid = applied(a_payment(), a_charge(ChargeState.SUCCEEDED)).after
        assert apply_refusal(paid, Refusal.REQUEST, None, NOW).after == paid

    def test_one_that_the_provider_does_not_know_has_failed(self) -> None:
        change = conclude_never_charged(a_payment(), NOW)
        assert (change.after.status, change.after.decline_code, type(change.fact)) == (
            Status.FAILED,
            NEVER_CHARGED,
            PaymentFailed,
        )

    def test_one_that_the_provider_does_not_know_ends_with_its_order(self) -> None:
        change = conclude_never_charged(a_payment(close_charge=True), NOW)
        assert change.after.status is Status.CANCELLED

    def test_what_is_known_by_then_is_not_concluded_away(self) -> None:
        paid = applied(a_payment(), a_charge(ChargeState.SUCCEEDED)).after
        assert conclude_never_charged(paid, NOW).after == paid


class TestAChallenge:
    def test_is_announced_once(self) -> None:
        first = applied(a_payment(), a_charge(ChargeState.NEEDS_CHALLENGE))
        assert (first.after.status, type(first.fact)) == (Status.REQUIRES_ACTION, PaymentRequiresAction)
        again = applied(first.after, a_charge(ChargeState.NEEDS_CHALLENGE))
        assert (again.after.status, again.fact) == (Status.REQUIRES_ACTION, None)
        after_processing = applied(
            applied(first.after, a_charge(ChargeState.PROCESSING)).after, a_charge(ChargeState.NEEDS_CHALLENGE)
        )
        assert after_processing.fact is None
        assert after_processing.after.challenge_ends_at == first.after.challenge_ends_at

    def test_is_looked_up_now_and_then_and_ended_in_time(self) -> None:
        waiting = applied(a_payment(), a_charge(ChargeState.NEEDS_CHALLENGE)).after
        assert waiting.check_at == NOW + CHALLENGE_POLL
        assert next_step(waiting, NOW + CHALLENGE_POLL) is Step.LOOK_UP
        nearly = NOW + CHALLENGE - timedelta(seconds=1)
        assert after_check(waiting, nearly).check_at == NOW + CHALLENGE
        assert next_step(waiting, NOW + CHALLENGE) is Step.CANCEL

    def test_that_could_not_be_cancelled_yet_is_not_tried_again_at_once(self) -> None:
        waiting = applied(a_payment(), a_charge(ChargeState.NEEDS_CHALLENGE)).after
        late = NOW + CHALLENGE
        assert after_check(waiting, late).check_at == late + CHALLENGE_POLL

    def test_is_not_begun_for_an_order_that_has_ended(self) -> None:
        change = applied(a_payment(), a_charge(ChargeState.NEEDS_CHALLENGE), order_ended=True)
        assert change.fact is None
        assert (change.after.close_charge, change.after.check_at) == (True, NOW)
        assert next_step(change.after, NOW) is Step.CANCEL


class TestWhatIsDueAtTheProvider:
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
        ended = a_payment(status=status, provider_reference="pi_1")
        assert next_step(ended, NOW) is Step.NOTHING
        assert after_check(ended, NOW).check_at is None

    def test_looks_become_rarer(self) -> None:
        checked = [after_check(a_payment(provider_reference="pi_1", checks=checks), NOW) for checks in (1, 2, 3, 20)]
        assert [payment.check_at for payment in checked] == [
            NOW + timedelta(seconds=seconds) for seconds in (10, 20, 40, 300)
        ]

    def test_a_charge_that_is_being_processed_is_not_cancelled_in_a_tight_loop(self) -> None:
        closing = end_with_order(a_payment(provider_reference="pi_1"), NOW).after
        assert closing.check_at == NOW
        taken = replace(closing, checks=closing.checks + 1)
        refused = applied(taken, a_charge(ChargeState.PROCESSING), order_ended=True).after
        assert refused.check_at is not None
        assert refused.check_at > NOW


class TestACancelledOrder:
    def test_closes_a_live_payment(self) -> None:
        waiting = applied(a_payment(), a_charge(ChargeState.NEEDS_CHALLENGE)).after
        change = end_with_order(waiting, NOW)
        assert (change.after.close_charge, change.after.check_at, change.after.give_back) == (True, NOW, False)
        ended = applied(change.after, a_charge(ChargeState.CANCELLED), order_ended=True)
        assert (ended.after.status, type(ended.fact)) == (Status.CANCELLED, PaymentFailed)

    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIALLY_REFUNDED])
    def test_gives_back_what_was_paid(self, status: Status) -> None:
        change = end_with_order(a_payment(status=status, provider_reference="pi_1"), NOW)
        assert (change.after.status, change.after.owes) == (status, True)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_leaves_the_rest_alone(self, status: Status) -> None:
        payment = a_payment(status=status, provider_reference="pi_1")
        assert end_with_order(payment, NOW).after == payment

    def test_gives_back_again_what_the_bank_may_return(self) -> None:
        payment = a_payment(status=Status.REFUNDED, provider_reference="pi_1")
        assert end_with_order(payment, NOW).after == replace(payment, give_back=True)


@pytest.mark.parametrize(
    "foreign",
    [
        {"payment_id": uuid4()},
        {"payment_id": None},
        {"amount": Money(5999, "USD")},
        {"amount": Money(5998, "EUR")},
        {"reference": "pi_2"},
    ],
)
def test_nothing_is_booked_from_a_foreign_intent(foreign: dict[str, object]) -> None:
    with pytest.raises(ChargeMismatch):
        applied(a_payment(provider_reference="pi_1"), a_charge(ChargeState.SUCCEEDED, **foreign))
