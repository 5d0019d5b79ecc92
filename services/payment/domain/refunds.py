"""Refunds: money that goes back to the customer, never more than was captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.chassis.plain import money
from services.chassis.plain.money import Money, NotMoney
from services.payment.domain.charges import ChargeMismatch
from services.payment.domain.credit import CreditEntry, CreditKind
from services.payment.domain.disputes import DisputeState
from services.payment.domain.facts import Fact, PaymentRefunded, PaymentRefundFailed
from services.payment.domain.failures import REFUND_REFUSED
from services.payment.domain.keys import numbered
from services.payment.domain.ledger import Entry, LedgerLine
from services.payment.domain.payments import Payment, Status
from services.payment.domain.schedule import backoff

BY_CUSTOMER = "requested_by_customer"
"""The reason of a refund for which nobody states one."""


class RefundStatus(StrEnum):
    """The state of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NotRefundable(Exception):
    """The payment took no money that could go back."""


class RefundRefused(Exception):
    """The payment's currency has no such amount. `violations`: the field and what would be correct."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"amount: {problem}")
        self.violations = [("amount", problem)]


class RefundTooLarge(Exception):
    """Less than this is left of the payment. `violations`: the field and what is left."""

    def __init__(self, left: Money) -> None:
        problem = f"at most {left} is left to refund" if left.minor else "nothing is left to refund"
        super().__init__(f"amount: {problem}")
        self.violations = [("amount", problem)]


@dataclass(frozen=True)
class Refund:
    """Money that goes back."""

    id: UUID
    payment_id: UUID
    amount: Money
    provider: str
    """The name of the provider that gives the money back: the payment's, or store credit."""
    reason: str
    key: str | None
    """The idempotency key it is asked for with; None for one that was made at the provider by other hands."""
    created_at: datetime
    status: RefundStatus = RefundStatus.PENDING
    provider_reference: str | None = None
    failure_code: str | None = None
    """Why the provider does not make it, or the bank sent it back."""
    ordered_by: UUID | None = None
    """The member of staff who ordered it; None: the rule for ended orders did, or other hands at the provider."""
    idempotency_key: str | None = None
    """Theirs, so that whoever learns the outcome can keep the answer for repeats."""
    check_at: datetime | None = None
    checks: int = 0
    key_number: int = 1
    server_errors: int = 0
    """As with payments."""
    processed_at: datetime | None = None
    """When its present outcome became known; None while it is pending."""

    @property
    def asked_with(self) -> str | None:
        """The idempotency key that the provider is asked with: `key`, or one that follows it."""
        return None if self.key is None else numbered(self.key, self.key_number)

    @property
    def takes_from_payment(self) -> bool:
        """Whether its amount went back or is on its way, so that nobody else may give it back."""
        return self.status in (RefundStatus.PENDING, RefundStatus.SUCCEEDED)

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing, for good."""
        return self.status in (RefundStatus.FAILED, RefundStatus.CANCELLED)

    def with_next_key(self) -> Refund:
        """The refund as it is asked for from now on."""
        return replace(self, key_number=self.key_number + 1, server_errors=0)


@dataclass(frozen=True)
class ProviderRefund:
    """A refund as the provider has it."""

    reference: str
    status: RefundStatus
    amount: Money
    refund_id: UUID | None
    """The refund of ours that it names."""
    reason: str = "made_at_provider"
    """Why it was made, as far as the provider knows."""
    failure_code: str | None = None
    """Why the bank sent it back."""
    returned: bool = False
    """Whether it failed after its money had left: the provider's books have it, and its reversal."""


@dataclass(frozen=True)
class RefundChange:
    """What the provider's answer on a refund comes to."""

    payment: Payment
    refund: Refund
    fact: Fact | None = None
    ledger: tuple[LedgerLine, ...] = ()


def left_to_refund(payment: Payment, refunds: Sequence[Refund]) -> Money:
    """What was captured less what went back and what is on its way."""
    taken = sum(refund.amount.minor for refund in refunds if refund.takes_from_payment)
    return Money(payment.amount.minor - taken, payment.amount.currency)


def order_refund(
    payment: Payment,
    refunds: Sequence[Refund],
    *,
    refund_id: UUID,
    amount: Money | None,
    reason: str | None,
    ordered_by: UUID,
    idempotency_key: str | None,
    now: datetime,
    takes_at_most: timedelta,
    provider: str,
) -> Refund:
    """A refund that staff order, of an amount or of all that is left; asking the provider takes so long at most.

    provider: who gives the money back.

    Raises:
        NotRefundable: the payment took no money, or a dispute of it was lost; or it is open, and another provider than
            the payment's would pay.
        RefundTooLarge: so much, or anything at all, is not left.
    """
    if not payment.is_paid:
        raise NotRefundable(f"this payment is {payment.status}: only captured payments can be refunded")
    if payment.dispute is DisputeState.LOST:
        raise NotRefundable("a dispute of this payment was lost: the bank has already returned the money")
    if payment.dispute is DisputeState.OPEN and provider != payment.provider:
        raise NotRefundable("a dispute of this payment is open: the bank may return the money")
    left = left_to_refund(payment, refunds)
    if left.minor <= 0 or (amount is not None and amount.minor > left.minor):
        raise RefundTooLarge(Money(max(left.minor, 0), left.currency))
    return Refund(
        id=refund_id,
        payment_id=payment.id,
        amount=left if amount is None else amount,
        provider=provider,
        reason=reason or BY_CUSTOMER,
        key=str(refund_id),
        created_at=now,
        ordered_by=ordered_by,
        idempotency_key=idempotency_key,
        check_at=now + takes_at_most,
    )


def refund_entry(refund: Refund, payment: Payment, *, entry_id: UUID, now: datetime) -> CreditEntry:
    """The entry of a refund to the store credit of who paid."""
    return CreditEntry(
        id=entry_id,
        user_id=payment.user_id,
        kind=CreditKind.REFUND,
        amount=refund.amount,
        created_at=now,
        payment_id=payment.id,
        refund_id=refund.id,
    )


def refundable(amount: Decimal, currency: str) -> Money:
    """The amount that staff want to give back. Raises RefundRefused when the currency has no such amount."""
    try:
        wanted = Money.of(amount, currency)
    except NotMoney as error:
        raise RefundRefused(str(error)) from error
    problem = money.part_problem(wanted)
    if problem is not None:
        raise RefundRefused(problem)
    return wanted


def adopt_refund(payment: Payment, seen: ProviderRefund, *, refund_id: UUID, now: datetime) -> Refund:
    """Our record of a refund that was made at the provider by other hands."""
    return Refund(
        id=refund_id,
        payment_id=payment.id,
        amount=Money(seen.amount.minor, payment.amount.currency),
        provider=payment.provider,
        reason=seen.reason,
        key=None,
        created_at=now,
        provider_reference=seen.reference,
    )


def apply_refund(
    payment: Payment, refunds: Sequence[Refund], refund: Refund, seen: ProviderRefund, now: datetime
) -> RefundChange:
    """What the provider's answer on one of the payment's `refunds` comes to. Any number of times.

    A refund that has succeeded may still fail: the customer's bank sends it back. Then the money is ours again, which
    is booked as a reversal. Where both happened before the first look, both are booked at once. A failed or cancelled
    one stays so, unless it is one that we gave up.

    Raises ChargeMismatch when the payment holds no money that could go back.
    """
    if not payment.is_paid:
        raise ChargeMismatch(f"refund {seen.reference} is of payment {payment.id}, which has not been captured")
    undone = refund.status is RefundStatus.SUCCEEDED and seen.status is RefundStatus.PENDING
    over = refund.has_failed and refund.provider_reference is not None
    status = refund.status if over or undone else seen.status
    waiting = status is RefundStatus.PENDING
    sent_back = status is RefundStatus.FAILED and not over
    after = replace(
        refund,
        provider_reference=seen.reference,
        status=status,
        failure_code=seen.failure_code if sent_back else refund.failure_code,
        checks=refund.checks if waiting else 0,
        check_at=now + backoff(refund.checks) if waiting else None,
        processed_at=refund.processed_at if status is refund.status else now,
    )
    given_back = sum(r.amount.minor for r in refunds if r.id != refund.id and r.status is RefundStatus.SUCCEEDED)
    if status is RefundStatus.SUCCEEDED:
        given_back += refund.amount.minor
    moved = replace(payment, status=_status_after_refunds(payment, given_back))
    if status is refund.status and not sent_back:
        return RefundChange(moved, after)
    return RefundChange(moved, after, *_published_and_booked(payment, refund, after, seen))


def abandon_refund(refund: Refund, code: str | None, now: datetime) -> Refund:
    """The provider does not make this refund: nothing is left to give back, or it needs a person."""
    code = code or REFUND_REFUSED
    return replace(refund, status=RefundStatus.FAILED, failure_code=code, check_at=None, processed_at=now)


def _published_and_booked(
    payment: Payment, before: Refund, after: Refund, seen: ProviderRefund
) -> tuple[Fact | None, tuple[LedgerLine, ...]]:
    what = (payment.order_id, payment.id, payment.user_id, after.id, after.amount)
    refund, reversal = (
        LedgerLine(entry, after.amount, after.provider, seen.reference, after.id)
        for entry in (Entry.REFUND, Entry.REFUND_REVERSAL)
    )
    if after.status is RefundStatus.SUCCEEDED:
        return PaymentRefunded(*what), (refund,)
    if before.status is RefundStatus.SUCCEEDED:
        return PaymentRefundFailed(*what), (reversal,)
    fact = PaymentRefundFailed(*what) if after.status is RefundStatus.FAILED else None
    return fact, (refund, reversal) if seen.returned else ()


def _status_after_refunds(payment: Payment, given_back: int) -> Status:
    if given_back >= payment.amount.minor:
        return Status.REFUNDED
    return Status.PARTIALLY_REFUNDED if given_back else Status.SUCCEEDED
