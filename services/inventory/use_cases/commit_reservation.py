"""Turn an order's hold into a sale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from services.chassis.postgres import Connection
from services.inventory import store
from services.inventory.domain import MoveKind, OutOfStock, ReservationEnded, Status, commit
from services.inventory.low_stock import LowStock
from services.inventory.store import Reservation


@dataclass(frozen=True)
class CommitReservation:
    """Sells what an order holds, once, in the caller's transaction."""

    low_stock: LowStock

    async def __call__(self, connection: Connection, order_id: UUID) -> Reservation:
        """The reservation, committed.

        A hold that expired is taken anew while there is stock: the order was paid late, but it was paid.

        Raises:
            NoReservation: the order never had one.
            ReservationEnded: the order was cancelled.
            OutOfStock: the hold expired and its stock is gone.
        """
        reservation = await store.lock(connection, order_id)
        if not reservation.lines:
            raise ReservationEnded(reservation.status)
        effect = commit(reservation.status, reservation.release_reason)
        if effect is None:
            return reservation
        await store.move(connection, order_id, Status.COMMITTED)
        levels = await store.apply(connection, MoveKind.COMMIT, order_id, effect, reservation.lines)
        if levels is None:
            raise OutOfStock([("orderId", "must have stock: its hold expired and the stock went to others")])
        await self.low_stock.tell(connection, levels)
        return replace(reservation, status=Status.COMMITTED, release_reason=None)
