"""Money that goes back: once, and never more than came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from services.chassis.plain.money import Money
from services.payment.domain.charges import ChargeMismatch
from services.payment.domain.disputes import DisputeState
from services.payment.domain.facts import PaymentRefunded, PaymentRefundFailed
from services.payment.domain.giving_back import AUTOMATIC_TRIES, GivingBack, give_back, late_refund_key
from services.payment.domain.ledger import Entry
from services.payment.domain.payments import Payment, Status, Stranded
from services.payment.domain.refunds import (
    NotRefundable,
    ProviderRefund,
    Refund,
    RefundStatus,
    RefundTooLarge,
    abandon_refund,
    adopt_refund,
    apply_refund,
    left_to_refund,
    order_refund,
)
from tests.unit.payment.given import FEE, NOW, PAYMENT_ID, TAKES_AT_MOST, a_payment

PAID = a_payment(
    status=Status.SUCCEEDED, provider_reference="pi_1", provider_fee=FEE.fee, net_amount=FEE.net, check_at=None
)
OWING = replace(PAID, give_back=True)


def ordered(payment: Payment = OWING, others: tuple[Refund, ...] = ()) -> Refund:
    refund = given(others, payment).refund
    assert refund is not None
    return refund


def given(refunds: Sequence[Refund], payment: Payment = OWING, *, insist: bool = False) -> GivingBack:
    return give_back(payment, refunds, refund_id=uuid4(), now=NOW, insist=insist)


def by_staff(amount_minor: int | None = None, others: Sequence[Refund] = (), payment: Payment = PAID) -> Refund:
    return order_refund(
        payment,
        others,
        refund_id=uuid4(),
        amount=None if amount_minor is None else Money(amount_minor, "USD"),
        reason=None,
        ordered_by=uuid4(),
        idempotency_key=None,
        now=NOW,
        provider=payment.provider,
        takes_at_most=TAKES_AT_MOST,
    )


def seen(refund: Refund, status: RefundStatus, stripe_id: str = "re_1") -> ProviderRefund:
    return ProviderRefund(stripe_id, status, refund.amount, refund.id)


def made_elsewhere(amount_minor: int, stripe_id: str = "re_9") -> Refund:
    made = ProviderRefund(stripe_id, RefundStatus.SUCCEEDED, Money(amount_minor, "USD"), None)
    return replace(adopt_refund(PAID, made, refund_id=uuid4(), now=NOW), status=RefundStatus.SUCCEEDED)


def test_all_of_it_is_ordered_under_a_key_of_the_payments_own() -> None:
    refund = ordered()
    assert (refund.amount.minor, refund.key, refund.check_at) == (5998, f"{PAYMENT_ID}:cancelled", NOW)


def test_it_is_ordered_once() -> None:
    assert given([ordered()]).refund is None


def test_what_went_back_before_does_not_go_back_again() -> None:
    assert ordered(others=(made_elsewhere(1000),)).amount.minor == 4998
    assert given([made_elsewhere(5998)]).refund is None


def test_success_is_booked_and_published_once() -> None:
    refund = ordered()
    change = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    assert (change.payment.status, change.refund.status, type(change.fact)) == (
        Status.REFUNDED,
        RefundStatus.SUCCEEDED,
        PaymentRefunded,
    )
    assert [(line.entry, line.amount.minor, line.reference) for line in change.ledger] == [(Entry.REFUND, 5998, "re_1")]
    assert change.refund.check_at is None
    again = apply_refund(change.payment, [change.refund], change.refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    assert (again.payment, again.refund, again.fact, again.ledger) == (change.payment, change.refund, None, ())


def test_one_that_is_under_way_is_looked_at_again() -> None:
    refund = ordered()
    change = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.PENDING), NOW)
    assert (change.payment.status, change.refund.provider_reference, change.fact) == (Status.SUCCEEDED, "re_1", None)
    assert change.refund.check_at is not None
    assert change.refund.check_at > NOW
    done = apply_refund(PAID, [change.refund], change.refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    assert type(done.fact) is PaymentRefunded


def test_part_of_it_leaves_the_payment_partially_refunded() -> None:
    part = replace(ordered(), amount=Money(1000, "USD"))
    change = apply_refund(PAID, [part], part, seen(part, RefundStatus.SUCCEEDED), NOW)
    assert change.payment.status is Status.PARTIALLY_REFUNDED
    rest = replace(ordered(), id=uuid4(), amount=Money(4998, "USD"))
    whole = apply_refund(change.payment, [change.refund, rest], rest, seen(rest, RefundStatus.SUCCEEDED, "re_2"), NOW)
    assert whole.payment.status is Status.REFUNDED


def test_one_that_failed_moves_no_money() -> None:
    refund = ordered()
    change = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.FAILED), NOW)
    assert (change.payment.status, change.refund.status, type(change.fact), change.ledger) == (
        Status.SUCCEEDED,
        RefundStatus.FAILED,
        PaymentRefundFailed,
        (),
    )


def test_one_that_came_back_from_the_bank_is_booked_against() -> None:
    refund = ordered()
    done = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    failed = replace(seen(refund, RefundStatus.FAILED), returned=True)
    back = apply_refund(done.payment, [done.refund], done.refund, failed, NOW)
    assert (back.payment.status, back.refund.status, type(back.fact)) == (
        Status.SUCCEEDED,
        RefundStatus.FAILED,
        PaymentRefundFailed,
    )
    assert [(line.entry, line.amount.minor) for line in back.ledger] == [(Entry.REFUND_REVERSAL, 5998)]


def test_one_that_came_back_before_anybody_looked_is_booked_with_its_reversal() -> None:
    for refund in (ordered(), abandon_refund(ordered(), "charge_disputed", NOW)):
        back = replace(seen(refund, RefundStatus.FAILED), returned=True)
        change = apply_refund(PAID, [refund], refund, back, NOW)
        assert (change.payment.status, type(change.fact)) == (Status.SUCCEEDED, PaymentRefundFailed)
        assert [line.entry for line in change.ledger] == [Entry.REFUND, Entry.REFUND_REVERSAL]
        again = apply_refund(change.payment, [change.refund], change.refund, back, NOW)
        assert (again.fact, again.ledger) == (None, ())


@pytest.mark.parametrize("stale", [RefundStatus.PENDING, RefundStatus.SUCCEEDED])
def test_a_failed_refund_stays_failed(stale: RefundStatus) -> None:
    refund = replace(ordered(), status=RefundStatus.FAILED, provider_reference="re_1", check_at=None)
    change = apply_refund(PAID, [refund], refund, seen(refund, stale), NOW)
    assert (change.payment.status, change.refund.status, change.ledger) == (Status.SUCCEEDED, RefundStatus.FAILED, ())


def test_a_late_pending_does_not_undo_success() -> None:
    refund = ordered()
    done = apply_refund(PAID, [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)
    late = apply_refund(done.payment, [done.refund], done.refund, seen(refund, RefundStatus.PENDING), NOW)
    assert (late.payment.status, late.refund.status, late.ledger) == (Status.REFUNDED, RefundStatus.SUCCEEDED, ())


def test_one_made_by_other_hands_becomes_ours() -> None:
    made = ProviderRefund("re_9", RefundStatus.SUCCEEDED, Money(1000, "USD"), None, "duplicate")
    adopted = adopt_refund(PAID, made, refund_id=uuid4(), now=NOW)
    change = apply_refund(PAID, [], adopted, made, NOW)
    assert (change.payment.status, type(change.fact), change.refund.reason) == (
        Status.PARTIALLY_REFUNDED,
        PaymentRefunded,
        "duplicate",
    )


def test_nothing_goes_back_that_never_came() -> None:
    refund = ordered()
    with pytest.raises(ChargeMismatch):
        apply_refund(a_payment(), [refund], refund, seen(refund, RefundStatus.SUCCEEDED), NOW)


def test_a_refund_has_the_time_of_its_outcome() -> None:
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


def test_one_that_the_provider_will_not_make_is_over() -> None:
    given_up = abandon_refund(ordered(), "charge_disputed", NOW)
    assert given_up.processed_at == NOW
    assert (given_up.status, given_up.check_at, given_up.failure_code) == (RefundStatus.FAILED, None, "charge_disputed")
    assert given_up.key == late_refund_key(PAYMENT_ID)


def test_staff_may_give_back_a_part_and_then_what_is_left() -> None:
    part = by_staff(1234)
    rest = by_staff(None, [part])
    assert (part.amount.minor, rest.amount.minor) == (1234, 4764)
    assert (part.key, part.status, part.reason) == (str(part.id), RefundStatus.PENDING, "requested_by_customer")


def test_more_than_is_left_is_refused_with_the_amount_left() -> None:
    with pytest.raises(RefundTooLarge, match=r"^amount: at most 12\.34 USD is left to refund$") as refused:
        by_staff(1235, [replace(by_staff(), amount=Money(5998 - 1234, "USD"))])
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
    assert by_staff(None, [failed]).amount.minor == 5998


@hypothesis_given(st.lists(st.tuples(st.integers(1, 6000), st.sampled_from(RefundStatus)), max_size=12))
def test_however_they_end_no_more_goes_back_than_came(asked: list[tuple[int, RefundStatus]]) -> None:
    refunds: list[Refund] = []
    for amount, outcome in asked:
        try:
            refunds.append(replace(by_staff(amount, refunds), status=outcome))
        except RefundTooLarge:
            continue
    assert 0 <= left_to_refund(PAID, refunds).minor <= PAID.amount.minor


def test_what_staff_could_not_give_back_goes_back_with_the_ended_order() -> None:
    by_hand = by_staff(1000)
    rest = ordered(others=(by_hand,))
    assert rest.amount.minor == 4998
    failed = replace(by_hand, status=RefundStatus.FAILED)
    again = ordered(others=(failed, rest))
    assert (again.amount.minor, again.key) == (1000, f"{PAYMENT_ID}:cancelled:2")
    assert given([failed, rest, again]).refund is None


def test_a_reason_of_ours_in_staffs_mouth_is_no_refund_of_ours() -> None:
    claimed = replace(by_staff(1000), reason="order_cancelled", status=RefundStatus.FAILED)
    assert ordered(others=(claimed,)).amount.minor == 5998


def test_why_the_bank_sent_it_back_is_kept() -> None:
    refund = by_staff()
    change = apply_refund(
        PAID, [refund], refund, replace(seen(refund, RefundStatus.FAILED), failure_code="lost_or_stolen_card"), NOW
    )
    assert change.refund.failure_code == "lost_or_stolen_card"
    again = apply_refund(PAID, [change.refund], change.refund, seen(refund, RefundStatus.FAILED), NOW)
    assert again.refund.failure_code == "lost_or_stolen_card"


def refused(refund: Refund) -> Refund:
    return abandon_refund(refund, "charge_too_old", NOW)


def returned(refund: Refund) -> Refund:
    return replace(refund, status=RefundStatus.FAILED, provider_reference=f"re_{refund.id}")


def test_what_is_left_is_computed_anew_when_more_had_gone_back_than_we_knew() -> None:
    too_much = refused(ordered())
    rest = ordered(others=(too_much, made_elsewhere(1000)))
    assert (rest.amount.minor, rest.key) == (4998, f"{PAYMENT_ID}:cancelled:2")
    assert rest.check_at == NOW


def test_what_is_refused_is_asked_for_again_later_and_in_the_end_it_needs_a_person() -> None:
    refunds: list[Refund] = []
    for _ in range(AUTOMATIC_TRIES):
        refunds.append(refused(ordered(others=tuple(refunds))))
    assert [refund.amount.minor for refund in refunds] == [5998] * AUTOMATIC_TRIES
    assert len({refund.key for refund in refunds}) == AUTOMATIC_TRIES
    end = given(refunds)
    assert (end.refund, end.payment.stranded) == (None, Stranded.REFUND_REFUSED)
    assert end.payment.check_at is not None


def test_what_the_bank_has_sent_back_needs_a_person() -> None:
    sent_back = [returned(ordered())]
    end = given(sent_back)
    assert (end.refund, end.payment.stranded) == (None, Stranded.REFUND_RETURNED)
    again = given(sent_back, end.payment, insist=True)
    assert again.refund is not None
    assert (again.refund.amount.minor, again.payment.stranded) == (5998, None)


def test_when_all_has_gone_back_nobody_is_needed_any_more() -> None:
    stranded = replace(OWING, status=Status.REFUNDED, stranded=Stranded.REFUND_RETURNED)
    assert given([made_elsewhere(5998)], stranded).payment.stranded is None


@pytest.mark.parametrize(
    ("dispute", "why"), [(DisputeState.LOST, Stranded.DISPUTE_LOST), (DisputeState.OPEN, Stranded.DISPUTED)]
)
@pytest.mark.parametrize("insist", [False, True])
def test_nothing_is_paid_twice_through_a_dispute(dispute: DisputeState, why: Stranded, insist: bool) -> None:
    end = given([], replace(OWING, dispute=dispute), insist=insist)
    assert (end.refund, end.payment.stranded) == (None, why)


@pytest.mark.parametrize("dispute", [DisputeState.WON, DisputeState.INQUIRY])
def test_a_dispute_that_moves_no_money_hinders_nothing(dispute: DisputeState) -> None:
    assert given([], replace(OWING, dispute=dispute)).refund is not None


def test_staff_give_nothing_back_after_a_dispute_was_lost() -> None:
    with pytest.raises(NotRefundable, match="dispute"):
        by_staff(100, payment=replace(PAID, dispute=DisputeState.LOST))


def test_one_that_was_given_up_and_made_after_all_is_booked() -> None:
    given_up = refused(ordered())
    change = apply_refund(OWING, [given_up], given_up, seen(given_up, RefundStatus.SUCCEEDED), NOW)
    assert (change.refund.status, type(change.fact), change.payment.status) == (
        RefundStatus.SUCCEEDED,
        PaymentRefunded,
        Status.REFUNDED,
    )


@pytest.mark.parametrize("before", [RefundStatus.SUCCEEDED, RefundStatus.PENDING])
def test_a_returned_refund_is_published_once(before: RefundStatus) -> None:
    refund = replace(ordered(), status=before, provider_reference="re_1")
    change = apply_refund(OWING, [refund], refund, seen(refund, RefundStatus.FAILED), NOW)
    assert type(change.fact) is PaymentRefundFailed
    again = apply_refund(change.payment, [change.refund], change.refund, seen(refund, RefundStatus.FAILED), NOW)
    assert again.fact is None
