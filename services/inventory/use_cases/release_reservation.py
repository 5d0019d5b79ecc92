"""Release an order's stock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.inventory.domain.facts import StockReleased
from services.inventory.domain.reservations import ReleaseReason, Reservation, Status, quantities, release
from services.inventory.domain.stock import MoveKind
from services.inventory.ports import InventoryUnit, Work


@dataclass(frozen=True)
class ReleaseReservation:
    """Whose stock."""

    order_id: UUID


@dataclass(frozen=True)
class ReleaseReservationHandler:
    """Releases what an order holds or was sold, once."""

    work: Work

    async def __call__(self, command: ReleaseReservation) -> Reservation:
        """The reservation of a cancelled order, released."""
        async with self.work.begin("inventory.release") as unit:
            return await self.within(unit, command.order_id, ReleaseReason.CANCELLED)

    async def within(self, unit: InventoryUnit, order_id: UUID, reason: ReleaseReason) -> Reservation:
        """The same within another unit of work, for this reason.

        An order without a reservation gets one that is already released: a reservation request that arrives later is
        rejected.
        """
        await unit.reservations.claim(order_id, Status.RELEASED, timedelta(), reason)
        reservation = await unit.reservations.lock(order_id)
        effect = release(reservation.status)
        if effect is None:
            return await self._close(unit, reservation, reason)
        await unit.reservations.move(order_id, Status.RELEASED, reason)
        await unit.publish(StockReleased(order_id, quantities(reservation.lines), reason))
        kind = MoveKind.EXPIRE if reason is ReleaseReason.EXPIRED else MoveKind.RELEASE
        if await unit.stock.apply(kind, order_id, effect, reservation.lines) is None:
            raise RuntimeError(f"the stock of order {order_id} does not match its reservation")
        return replace(reservation, status=Status.RELEASED, release_reason=reason)

    async def _close(self, unit: InventoryUnit, reservation: Reservation, reason: ReleaseReason) -> Reservation:
        """Cancellation overrides expiry: a cancelled order must not reserve its expired hold's stock again."""
        if reason is not ReleaseReason.CANCELLED or reservation.release_reason is ReleaseReason.CANCELLED:
            return reservation
        await unit.reservations.move(reservation.order_id, Status.RELEASED, reason)
        return replace(reservation, release_reason=reason)
