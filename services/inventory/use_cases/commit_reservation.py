"""Turn an order's hold into a sale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from services.inventory.domain.reservations import OutOfStock, Reservation, ReservationEnded, Status, commit
from services.inventory.domain.stock import MoveKind
from services.inventory.ports import InventoryUnit, Work
from services.inventory.use_cases.publish_low_stock import PublishLowStock


@dataclass(frozen=True)
class CommitReservation:
    """Whose hold."""

    order_id: UUID


@dataclass(frozen=True)
class CommitReservationHandler:
    """Sells an order's hold, once."""

    work: Work
    publish_low: PublishLowStock

    async def __call__(self, command: CommitReservation) -> Reservation:
        """The reservation, committed. Raises what `within` raises."""
        async with self.work.begin("inventory.commit") as unit:
            return await self.within(unit, command.order_id)

    async def within(self, unit: InventoryUnit, order_id: UUID) -> Reservation:
        """The same within another unit of work.

        An expired hold is reserved again while there is stock: the order was paid late, but it was paid.

        Raises:
            NoReservation: the order never had one.
            ReservationEnded: the order was cancelled.
            OutOfStock: the hold expired and its stock is gone.
        """
        reservation = await unit.reservations.lock(order_id)
        if not reservation.lines:
            raise ReservationEnded(reservation.status)
        effect = commit(reservation.status, reservation.release_reason)
        if effect is None:
            return reservation
        await unit.reservations.move(order_id, Status.COMMITTED)
        levels = await unit.stock.apply(MoveKind.COMMIT, order_id, effect, reservation.lines)
        if levels is None:
            raise OutOfStock([("orderId", "must have stock: its hold expired and the stock went to others")])
        await self.publish_low(unit, levels)
        return replace(reservation, status=Status.COMMITTED, release_reason=None)
