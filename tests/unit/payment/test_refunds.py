"""Money that goes back: once, and never more than came."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.payment.domain import (
    Entry,
    IntentMismatch,
    News,
    Payment,
    Refund,
    RefundStatus,
    Status,
    StripeRefund,
    abandon_refund,
    adopt_refund,
    apply_refund,
    full_refund,
    late_refund_key,
)
from tests.unit.payment.given import NOW, PAYMENT_ID, a_payment

REFUND_ID = UUID("01957000-0000-7000-8000-0000000000f0")
PAID = a_payment(status=Status.SUCCEEDED, intent_id="pi_1")


def ordered(payment: Payment = PAID, others: tuple[Refund, ...] = ()) -> Refund:
    refund = full_refund(payment, others, refund_id=REFUND_ID, now=NOW)
    assert refund is not None
    return refund


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


def test_one_that_stripe_will_not_make_is_over() -> None:
    given_up = abandon_refund(ordered())
    assert (given_up.status, given_up.check_at) == (RefundStatus.FAILED, None)
    assert given_up.key == late_refund_key(PAYMENT_ID)
