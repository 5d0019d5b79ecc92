"""An order was cancelled: nothing more is paid for it, and what was paid goes back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Connection
from services.payment import store
from services.payment.recorder import Recorder


@dataclass(frozen=True)
class EndOrder:
    """Writes down, in the caller's transaction, what has to happen at Stripe; the reconciler does it.

    It is remembered of orders without a payment as well: one may be just about to begin.
    """

    recorder: Recorder

    async def __call__(self, connection: Connection, order_id: UUID) -> None:
        """Close the order's open payments, give paid ones back. Once it is committed, wake the reconciler."""
        await store.lock_order(connection, order_id)
        await store.end_order(connection, order_id)
        for payment in await store.lock_payments_of_order(connection, order_id):
            await self.recorder.order_ended(connection, payment)
