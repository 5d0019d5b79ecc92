"""Answer the order service how far the payment of an order is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.domain.payments import OrderPayment, order_payment
from services.payment.ports import Work


@dataclass(frozen=True)
class LookUpOrderPayment:
    """Which order."""

    order_id: UUID


@dataclass(frozen=True)
class LookUpOrderPaymentHandler:
    """Whether an order is paid, being paid or neither."""

    work: Work

    async def __call__(self, command: LookUpOrderPayment) -> OrderPayment:
        """How far the payment is, and whether the order was ever paid."""
        async with self.work.read() as unit:
            return order_payment(await unit.payments.of_order(command.order_id))
