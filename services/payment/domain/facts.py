"""What happened, for other services to know. Adapters encode facts for the bus.

Each happens at most once a payment; those of a refund, once a refund.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.money import Money


@dataclass(frozen=True)
class PaymentConfirmed:
    """The order is paid."""

    order_id: UUID
    payment_id: UUID
    user_id: UUID
    amount: Money
    provider: str
    provider_reference: str | None


@dataclass(frozen=True)
class PaymentFailed:
    """The payment came to nothing; the order is cancelled for it."""

    order_id: UUID
    payment_id: UUID
    user_id: UUID
    code: str
    """Why (failures.py)."""
    provider: str
    provider_reference: str | None


@dataclass(frozen=True)
class PaymentRequiresAction:
    """The customer must finish a challenge."""

    order_id: UUID
    payment_id: UUID
    user_id: UUID


@dataclass(frozen=True)
class PaymentRefunded:
    """Money went back to the customer."""

    order_id: UUID
    payment_id: UUID
    user_id: UUID
    refund_id: UUID
    amount: Money


@dataclass(frozen=True)
class PaymentRefundFailed:
    """The customer's bank has sent the money back."""

    order_id: UUID
    payment_id: UUID
    user_id: UUID
    refund_id: UUID
    amount: Money


Fact = PaymentConfirmed | PaymentFailed | PaymentRequiresAction | PaymentRefunded | PaymentRefundFailed
