"""Give an order's stock back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from argosy.event.v1.inventory_events_pb2 import StockReleased
from services.chassis import outbox
from services.chassis.postgres import Connection
from services.inventory import store
from services.inventory.domain import MoveKind, ReleaseReason, Status, release
from services.inventory.events import stock_lines
from services.inventory.store import Reservation


@dataclass(frozen=True)
class ReleaseReservation:
    """Gives back what an order holds or was sold, once, in the caller's transaction."""

    async def __call__(
        self, connection: Connection, order_id: UUID, reason: ReleaseReason = ReleaseReason.CANCELLED
    ) -> Reservation:
        """The reservation, released.

        An order that has none gets one that is released already: a request to reserve that was overtaken by this one
        then finds the door closed.
        """
        await store.claim(connection, order_id, Status.RELEASED, timedelta(), reason)
        reservation = await store.lock(connection, order_id)
        effect = release(reservation.status)
        if effect is None:
            return await self._close(connection, reservation, reason)
        await store.move(connection, order_id, Status.RELEASED, reason)
        event = StockReleased(order_id=str(order_id), items=stock_lines(reservation.lines), reason=reason)
        await outbox.publish(connection, event, key=str(order_id), subject=str(order_id))
        kind = MoveKind.EXPIRE if reason is ReleaseReason.EXPIRED else MoveKind.RELEASE
        if await store.apply(connection, kind, order_id, effect, reservation.lines) is None:
            raise RuntimeError(f"the stock of order {order_id} is not what its reservation says")
        return replace(reservation, status=Status.RELEASED, release_reason=reason)

    async def _close(self, connection: Connection, reservation: Reservation, reason: ReleaseReason) -> Reservation:
        """Cancelling outlives expiry: a cancelled order must not take its expired hold's stock anew."""
        if reason is not ReleaseReason.CANCELLED or reservation.release_reason is ReleaseReason.CANCELLED:
            return reservation
        await store.move(connection, reservation.order_id, Status.RELEASED, reason)
        return replace(reservation, release_reason=reason)
