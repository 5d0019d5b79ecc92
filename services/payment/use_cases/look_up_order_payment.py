"""Tell the order service how far the payment of an order is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from services.chassis.postgres import Postgres
from services.payment import store
from services.payment.domain import Payment


class OrderPaymentState(Enum):
    """How far the payment of an order is."""

    NONE = "none"
    LIVE = "live"
    PAID = "paid"


@dataclass(frozen=True)
class OrderPayment:
    """What other services may know of an order's payment."""

    state: OrderPaymentState
    was_paid: bool
    """Whether a payment confirmed the order, also when all of its money has gone back since."""


@dataclass(frozen=True)
class LookUpOrderPayment:
    """Whether an order is paid, being paid or neither."""

    postgres: Postgres

    async def __call__(self, order_id: UUID) -> OrderPayment:
        """Money that came too late and goes back does not pay for anything."""
        async with self.postgres.connection() as connection:
            payments = await store.payments_of_order(connection, order_id)
        was_paid = any(payment.is_paid and not payment.late for payment in payments)
        return OrderPayment(_state([payment for payment in payments if payment.counts_as_payment]), was_paid)


def _state(counting: Sequence[Payment]) -> OrderPaymentState:
    if any(payment.is_paid for payment in counting):
        return OrderPaymentState.PAID
    return OrderPaymentState.LIVE if counting else OrderPaymentState.NONE
