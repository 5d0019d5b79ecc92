"""Money that goes back in full: it came late, or its order was cancelled.

It is looked at again whenever anything about it has changed, until nothing is left, or until the rules can do no more:
then the payment is `stranded`, which is for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.payment.domain.disputes import DisputeState
from services.payment.domain.payments import Payment, Stranded
from services.payment.domain.refunds import Refund, left_to_refund
from services.payment.domain.schedule import awaits_settlement, backoff, next_check

AUTOMATIC_TRIES = 5
"""After so many refused refunds of an ended order's money it needs a person."""
ORDER_CANCELLED = "order_cancelled"
"""The reason of a refund of an ended order's money."""


@dataclass(frozen=True)
class GivingBack:
    """What is done about money that goes back in full."""

    payment: Payment
    refund: Refund | None = None
    """One that is to be stored, and asked for."""


def late_refund_key(payment_id: UUID, number: int = 1) -> str:
    """The key of a refund that gives an ended order's money back: the first one, or one that follows."""
    return f"{payment_id}:cancelled" if number == 1 else f"{payment_id}:cancelled:{number}"


def give_back(
    payment: Payment, refunds: Sequence[Refund], *, refund_id: UUID, now: datetime, insist: bool = False
) -> GivingBack:
    """What is to be done about a payment whose money goes back in full, whenever anything about it has changed.

    What is left is computed anew each time: others give back as well, refunds are refused, and come back from banks.

    insist: a person wants another try, whatever became of those before; not where that would pay twice.
    """
    if not payment.give_back:
        return GivingBack(payment)
    if not payment.owes:
        return GivingBack(_watched(replace(payment, stranded=None), now))
    left = left_to_refund(payment, refunds)
    before = [refund for refund in refunds if (refund.key or "").startswith(late_refund_key(payment.id))]
    why = _at_an_end(payment, before, insist=insist) if left.minor > 0 else None
    watched = _watched(replace(payment, stranded=why), now)
    if left.minor <= 0 or why is not None:
        return GivingBack(watched)
    refused = sum(refund.has_failed and refund.amount == left for refund in before)
    refund = Refund(
        id=refund_id,
        payment_id=payment.id,
        amount=left,
        provider=payment.provider,
        reason=ORDER_CANCELLED,
        key=late_refund_key(payment.id, len(before) + 1),
        created_at=now,
        check_at=now + backoff(refused) if refused and not insist else now,
    )
    return GivingBack(watched, refund)


def _watched(payment: Payment, now: datetime) -> Payment:
    return payment if awaits_settlement(payment) else replace(payment, check_at=next_check(payment, now))


def _at_an_end(payment: Payment, before: Sequence[Refund], *, insist: bool) -> Stranded | None:
    """Why the rule gives nothing back any more; None: it does."""
    if payment.dispute is DisputeState.LOST:
        return Stranded.DISPUTE_LOST
    if payment.dispute is DisputeState.OPEN:
        return Stranded.DISPUTED
    failed = [refund for refund in before if refund.has_failed]
    if insist:
        return None
    if any(refund.provider_reference is not None for refund in failed):
        return Stranded.REFUND_RETURNED
    return Stranded.REFUND_REFUSED if len(failed) >= AUTOMATIC_TRIES else None
