"""Show one payment."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.domain.payments import Payment, PaymentNotFound
from services.payment.ports import Work


@dataclass(frozen=True)
class GetPayment:
    """Which payment, and who asks."""

    payment_id: UUID
    user_id: UUID
    is_staff: bool


@dataclass(frozen=True)
class GetPaymentHandler:
    """Reads a payment of one's own; staff see any."""

    work: Work

    async def __call__(self, command: GetPayment) -> Payment:
        """The payment. Raises PaymentNotFound."""
        async with self.work.read() as unit:
            payment = await unit.payments.find(command.payment_id)
        if payment is None or not (command.is_staff or payment.user_id == command.user_id):
            raise PaymentNotFound
        return payment
