"""Tell the order service how far the payment of an order is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from services.chassis.postgres import Postgres
from services.payment import store


class OrderPaymentState(Enum):
    """How far the payment of an order is."""

    NONE = "none"
    LIVE = "live"
    PAID = "paid"


@dataclass(frozen=True)
class LookUpOrderPayment:
    """Whether an order is paid, being paid or neither."""

    postgres: Postgres

    async def __call__(self, order_id: UUID) -> OrderPaymentState:
        """Money that came too late and goes back does not pay for anything."""
        async with self.postgres.connection() as connection:
            counting = [p for p in await store.payments_of_order(connection, order_id) if p.counts_as_payment]
        if any(payment.is_paid for payment in counting):
            return OrderPaymentState.PAID
        return OrderPaymentState.LIVE if counting else OrderPaymentState.NONE
