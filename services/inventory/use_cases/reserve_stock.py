"""Hold stock for an order, and price it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.chassis.plain.errors import Unavailable
from services.inventory.domain import bounds
from services.inventory.domain.bounds import Bounds
from services.inventory.domain.facts import StockReserved
from services.inventory.domain.reservations import (
    Line,
    OtherLines,
    Reservation,
    ReservationEnded,
    Status,
    price,
    quantities,
    same_lines,
)
from services.inventory.domain.stock import HOLD, MoveKind
from services.inventory.ports import InventoryUnit, Work
from services.inventory.use_cases.publish_low_stock import PublishLowStock

TRIES = 5


@dataclass(frozen=True)
class ReserveStock:
    """The lines to hold for an order."""

    order_id: UUID
    lines: Sequence[Line]
    customer_id: UUID | None = None
    """Whose order it is; None: an older version of the order service does not say."""


class _StockMoved(Exception):
    """A price or quantity changed between reading the catalog and reserving: try again."""


@dataclass(frozen=True)
class ReserveStockHandler:
    """Reserves stock: all lines or none, once per order."""

    work: Work
    hold: timedelta
    """How long an unused hold lasts."""
    publish_low: PublishLowStock
    bounds: Bounds

    async def __call__(self, command: ReserveStock) -> Reservation:
        """The order's reservation, new or existing; an existing hold is extended.

        Raises:
            LinesRefused, OutOfStock: the lines do not fit the catalog or the stock.
            TooMuchHeld: the customer would hold more than the bounds.
            OtherLines: the order has a reservation for other lines.
            ReservationEnded: the order's reservation was released.
            Unavailable: the stock changed during every attempt.
        """
        for _ in range(TRIES):
            try:
                async with self.work.begin("inventory.reserve") as unit:
                    return await self._reserve(unit, command)
            except _StockMoved:
                continue
        raise Unavailable("the stock of these products is changing too fast; try again")

    async def _reserve(self, unit: InventoryUnit, command: ReserveStock) -> Reservation:
        if not await unit.reservations.claim(command.order_id, Status.HELD, self.hold, customer_id=command.customer_id):
            return await self._repeat(unit, command)
        catalog = await unit.products.by_ids(sorted({line.product_id for line in command.lines}))
        lines = price(command.lines, catalog)
        if command.customer_id is not None:
            held = await unit.reservations.held_by(command.customer_id, but=command.order_id)
            bounds.check(self.bounds, held, command.lines)
        expires_at = await unit.reservations.add_lines(command.order_id, lines)
        await unit.publish(StockReserved(command.order_id, quantities(lines)))
        levels = await unit.stock.apply(MoveKind.RESERVE, command.order_id, HOLD, lines, only_at_these_prices=True)
        if levels is None:
            raise _StockMoved
        await self.publish_low(unit, levels)
        return Reservation(command.order_id, Status.HELD, None, lines[0].price.currency, expires_at, lines)

    async def _repeat(self, unit: InventoryUnit, command: ReserveStock) -> Reservation:
        reservation = await unit.reservations.lock(command.order_id)
        if reservation.status is Status.RELEASED:
            raise ReservationEnded(reservation.status)
        if not same_lines(command.lines, reservation.lines):
            raise OtherLines
        if reservation.status is not Status.HELD:
            return reservation
        return replace(reservation, expires_at=await unit.reservations.extend(command.order_id, self.hold))
