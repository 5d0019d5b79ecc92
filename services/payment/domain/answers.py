"""What callers get when they pay or refund. The answer is kept for repeats; so it holds no secret when it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.plain.money import Money
from services.payment.domain.charges import Challenge
from services.payment.domain.payments import Payment, Status
from services.payment.domain.refunds import Refund, RefundStatus


@dataclass(frozen=True)
class PaymentAnswer:
    """A payment, as its owner gets it."""

    payment_id: UUID
    order_id: UUID
    status: Status
    amount: Money
    decline_code: str | None
    created_at: datetime
    processed_at: datetime | None
    provider: str | None
    """The provider's name; None in an answer that was kept before there was more than one."""
    challenge: Challenge | None = None
    """In answers to paying and confirming alone, never kept."""

    @property
    def requires_action(self) -> bool:
        """Whether the customer must finish a challenge."""
        return self.status is Status.REQUIRES_ACTION


@dataclass(frozen=True)
class RefundAnswer:
    """A refund, as staff get it."""

    refund_id: UUID
    payment_id: UUID
    amount: Money
    status: RefundStatus
    reason: str
    failure_code: str | None
    created_at: datetime
    provider: str | None
    """As in PaymentAnswer."""


def payment_answer(payment: Payment, challenge: Challenge | None = None) -> PaymentAnswer:
    """The payment as an answer. The challenge is in it only while a challenge waits."""
    return PaymentAnswer(
        payment_id=payment.id,
        order_id=payment.order_id,
        status=payment.status,
        amount=payment.amount,
        decline_code=payment.decline_code if payment.status is Status.FAILED else None,
        created_at=payment.created_at,
        processed_at=payment.processed_at,
        provider=payment.provider,
        challenge=challenge if payment.status is Status.REQUIRES_ACTION else None,
    )


def refund_answer(refund: Refund) -> RefundAnswer:
    """The refund as an answer."""
    return RefundAnswer(
        refund_id=refund.id,
        payment_id=refund.payment_id,
        amount=refund.amount,
        status=refund.status,
        reason=refund.reason,
        failure_code=refund.failure_code,
        created_at=refund.created_at,
        provider=refund.provider,
    )
