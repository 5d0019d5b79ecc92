"""Money that goes back: once, and never more than came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain import (
    Entry,
    IntentMismatch,
    News,
    NotRefundable,
    Payment,
    Refund,
    RefundStatus,
    RefundTooLarge,
    Status,
    StripeRefund,
    abandon_refund,
    adopt_refund,
    apply_refund,
    full_refund,
    late_refund_key,
    left_to_refund,
    order_refund,
)
from tests.unit.payment.given import NOW, PAYMENT_ID, a_payment

REFUND_ID = UUID("01957000-0000-7000-8000-0000000000f0")
PAID = a_payment(status=Status.SUCCEEDED, intent_id="pi_1")


def ordered(payment: Payment = PAID, others: tuple[Refund, ...] = ()) -> Refund:
    refund = full_refund(payment, others, refund_id=REFUND_ID, now=NOW)
    assert refund is not None
    return refund


def by_staff(amount_minor: int | None = None, others: Sequence[Refund] = (), payment: Payment = PAID) -> Refund:
    return order_refund(
        payment,
        others,
        refund_id=uuid4(),
        amount_minor=amount_minor,
        reason=None,
        ordered_by=uuid4(),
        idempotency_key=None,
        now=NOW,
    )


def seen(refund: Refund, status: RefundStatus, stripe_id: str = "re_1") -> StripeRefund:
    return StripeRefund(stripe_id, status, refund.amount_minor, refund.currency, refund.id)


def made_elsewhere(amount_minor: int, stripe_id: str = "re_9") -> Refund:
    made = StripeRefund(stripe_id, RefundStatus.SUCCEEDED, amount_minor, "USD", None)
    return replace(adopt_refund(PAID, made, refund_id=uuid4(), now=NOW), status=RefundStatus.SUCCEEDED)


def test_all_of_it_is_ordered_under_a_key_of_the_payments_own() -> None:
    refund = ordered()
    assert (refund.amount_minor, refund.key, refund.check_at) == (5998, f"{PAYMENT_ID}:cancelled", NOW)


def test_it_is_ordered_once() -> None:
    assert full_refund(PAID, [ordered()], refund_id=uuid4(), now=NOW) is None
    failed = replace(ordered(), status=RefundStatus.FAILED)
    assert full_refund(PAID, [failed], refund_id=uuid4(), now=NOW) is None


def test_what_went_back_before_does_not_go_back_again() -> None:
    assert ordered(others=(made_elsewhere(1000),)).amount_minor == 4998
    assert full_refund(PAID, [made_elsewhere(5998)], refund_id=uuid4(), now=NOW) is None


def test_success_is_booked_and_told_once() -> None:
    refund = ordered()
    change = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    assert (change.payment.status, change.refund.status, change.news) == (
        Status.REFUNDED,
        RefundStatus.SUCCEEDED,
        News.REFUNDED,
    )
    assert [(line.entry, line.amount_minor, line.stripe_id) for line in change.ledger] == [(Entry.REFUND, 5998, "re_1")]
    assert change.refund.check_at is None
    again = apply_refund(change.payment, [change.refund], change.refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    assert (again.payment, again.refund, again.news, again.ledger) == (change.payment, change.refund, None, ())


def test_one_that_is_under_way_is_looked_at_again() -> None:
    refund = ordered()
    change = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.PENDING), NOW)
    assert (change.payment.status, change.refund.stripe_refund_id, change.news) == (Status.SUCCEEDED, "re_1", None)
    assert change.refund.check_at is not None
    assert change.refund.check_at > NOW
    done = apply_refund(PAID, [change.refund], change.refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    assert done.news is News.REFUNDED


def test_part_of_it_leaves_the_payment_partially_refunded() -> None:
    part = replace(ordered(), amount_minor=1000)
    change = apply_refund(PAID, [part], part, seen(part, RefundStatus.SUCCEEDED), NOW)
    assert change.payment.status is Status.PARTIALLY_REFUNDED
    rest = replace(ordered(), id=uuid4(), amount_minor=4998)
    whole = apply_refund(change.payment, [change.refund, rest], rest, seen(rest, RefundStatus.SUCCEEDED, "re_2"), NOW)
    assert whole.payment.status is Status.REFUNDED


def test_one_that_failed_changes_nothing() -> None:
    refund = ordered()
    change = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.FAILED), NOW)
    assert (change.payment.status, change.refund.status, change.news, change.ledger) == (
        Status.SUCCEEDED,
        RefundStatus.FAILED,
        None,
        (),
    )


def test_one_that_came_back_from_the_bank_is_booked_against() -> None:
    refund = ordered()
    done = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    back = apply_refund(done.payment, [done.refund], done.refund, seen(refund, RefundStatus.FAILED), NOW)
    assert (back.payment.status, back.refund.status, back.news) == (Status.SUCCEEDED, RefundStatus.FAILED, None)
    assert [(line.entry, line.amount_minor) for line in back.ledger] == [(Entry.REFUND_REVERSAL, 5998)]


@pytest.mark.parametrize("stale", [RefundStatus.PENDING, RefundStatus.SUCCEEDED])
def test_one_that_is_over_stays_so(stale: RefundStatus) -> None:
    refund = replace(ordered(), status=RefundStatus.FAILED, stripe_refund_id="re_1", check_at=None)
    change = apply_refund(PAID, [refund], refund, seen(refund, stale), NOW)
    assert (change.payment.status, change.refund.status, change.ledger) == (Status.SUCCEEDED, RefundStatus.FAILED, ())


def test_a_late_pending_does_not_undo_success() -> None:
    refund = ordered()
    done = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    late = apply_refund(done.payment, [done.refund], done.refund, seen(refund, RefundStatus.PENDING), NOW)
    assert (late.payment.status, late.refund.status, late.ledger) == (Status.REFUNDED, RefundStatus.SUCCEEDED, ())


def test_one_made_by_other_hands_becomes_ours() -> None:
    made = StripeRefund("re_9", RefundStatus.SUCCEEDED, 1000, "USD", None, "duplicate")
    adopted = adopt_refund(PAID, made, refund_id=uuid4(), now=NOW)
    change = apply_refund(PAID, [], adopted, made, NOW)
    assert (change.payment.status, change.news, change.refund.reason) == (
        Status.PARTIALLY_REFUNDED,
        News.REFUNDED,
        "duplicate",
    )


def test_nothing_goes_back_that_never_came() -> None:
    refund = ordered()
    with pytest.raises(IntentMismatch):
        apply_refund(a_payment(), [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)


def test_a_refund_says_since_when_its_outcome_is_known() -> None:
    pending = ordered()
    assert pending.processed_at is None
    waiting = apply_refund(PAID, [pending], pending, seen(pending, RefundStatus.PENDING), NOW).refund
    assert waiting.processed_at is None
    given = apply_refund(PAID, [waiting], waiting, seen(waiting, RefundStatus.SUCCEEDED), NOW).refund
    assert given.processed_at == NOW
    later = NOW + timedelta(days=2)
    again = apply_refund(PAID, [given], given, seen(given, RefundStatus.SUCCEEDED), later).refund
    assert again.processed_at == NOW
    sent_back = apply_refund(PAID, [again], again, seen(again, RefundStatus.FAILED), later).refund
    assert sent_back.processed_at == later


def test_one_that_stripe_will_not_make_is_over() -> None:
    given_up = abandon_refund(ordered(), "charge_disputed", NOW)
    assert given_up.processed_at == NOW
    assert (given_up.status, given_up.check_at, given_up.failure_code) == (RefundStatus.FAILED, None, "charge_disputed")
    assert given_up.key == late_refund_key(PAYMENT_ID)


def test_staff_may_give_back_a_part_and_then_what_is_left() -> None:
    part = by_staff(1234)
    rest = by_staff(None, [part])
    assert (part.amount_minor, rest.amount_minor) == (1234, 4764)
    assert (part.key, part.status, part.reason) == (str(part.id), RefundStatus.PENDING, "requested_by_customer")


def test_more_than_is_left_is_refused_and_says_how_much_that_is() -> None:
    with pytest.raises(RefundTooLarge, match=r"^amount: at most 12\.34 USD is left to refund$") as refused:
        by_staff(1235, [replace(by_staff(), amount_minor=5998 - 1234)])
    assert refused.value.violations == [("amount", "at most 12.34 USD is left to refund")]
    for amount in (1, None):
        with pytest.raises(RefundTooLarge, match="nothing is left"):
            by_staff(amount, [by_staff()])


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.REQUIRES_ACTION, Status.FAILED, Status.CANCELLED])
def test_what_took_no_money_has_none_to_give_back(status: Status) -> None:
    with pytest.raises(NotRefundable, match=status):
        by_staff(payment=replace(PAID, status=status))


def test_one_that_failed_leaves_its_money_to_the_next() -> None:
    failed = replace(by_staff(), status=RefundStatus.FAILED)
    assert by_staff(None, [failed]).amount_minor == 5998


@given(st.lists(st.tuples(st.integers(1, 6000), st.sampled_from(RefundStatus)), max_size=12))
def test_however_they_end_no_more_goes_back_than_came(asked: list[tuple[int, RefundStatus]]) -> None:
    refunds: list[Refund] = []
    for amount, outcome in asked:
        try:
            refunds.append(replace(by_staff(amount, refunds), status=outcome))
        except RefundTooLarge:
            continue
    assert 0 <= left_to_refund(PAID, refunds) <= PAID.amount_minor


def test_what_staff_could_not_give_back_goes_back_with_the_ended_order() -> None:
    by_hand = by_staff(1000)
    rest = ordered(others=(by_hand,))
    assert rest.amount_minor == 4998
    failed = replace(by_hand, status=RefundStatus.FAILED)
    again = ordered(others=(failed, rest))
    assert (again.amount_minor, again.key) == (1000, f"{PAYMENT_ID}:cancelled:2")
    assert full_refund(PAID, [failed, rest, again], refund_id=uuid4(), now=NOW) is None


def test_a_reason_of_ours_in_staffs_mouth_is_no_refund_of_ours() -> None:
    claimed = replace(by_staff(1000), reason="order_cancelled", status=RefundStatus.FAILED)
    assert ordered(others=(claimed,)).amount_minor == 5998


def test_why_the_bank_sent_it_back_is_kept() -> None:
    refund = by_staff()
    change = apply_refund(
        PAID, [refund], refund, replace(seen(refund, RefundStatus.FAILED), failure_code="lost_or_stolen_card"), NOW
    )
    assert change.refund.failure_code == "lost_or_stolen_card"
    again = apply_refund(PAID, [change.refund], change.refund, seen(refund, RefundStatus.FAILED), NOW)
    assert again.refund.failure_code == "lost_or_stolen_card"
