"""Hold stock for an order, and price it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from argosy.event.v1.inventory_events_pb2 import StockReserved
from services.chassis import outbox
from services.chassis.errors import Unavailable
from services.chassis.postgres import Connection, Postgres
from services.inventory import store
from services.inventory.domain import HOLD, Line, MoveKind, OtherLines, ReservationEnded, Status, price, same_lines
from services.inventory.events import stock_lines
from services.inventory.low_stock import LowStock
from services.inventory.store import Reservation

TRIES = 5


@dataclass(frozen=True)
class ReserveStockCommand:
    """Hold these lines for this order."""

    order_id: UUID
    lines: Sequence[Line]


class _StockMoved(Exception):
    """Between reading the catalog and taking the stock, a price or a number changed: look again."""


@dataclass(frozen=True)
class ReserveStock:
    """Holds stock: all lines or none, once an order."""

    postgres: Postgres
    hold: timedelta
    """How long an unused hold lasts."""
    low_stock: LowStock

    async def __call__(self, command: ReserveStockCommand) -> Reservation:
        """The order's reservation, made now or found; finding it extends the hold.

        Raises:
            LinesRefused, OutOfStock: the lines do not fit the catalog or the stock.
            OtherLines: the order has a reservation for other lines.
            ReservationEnded: the order's reservation was given back.
            Unavailable: the stock moved under every try.
        """
        for _ in range(TRIES):
            try:
                async with self.postgres.transaction("inventory.reserve") as connection:
                    return await self._reserve(connection, command)
            except _StockMoved:
                continue
        raise Unavailable("the stock of these products is changing too fast; try again")

    async def _reserve(self, connection: Connection, command: ReserveStockCommand) -> Reservation:
        if not await store.claim(connection, command.order_id, Status.HELD, self.hold):
            return await self._repeat(connection, command)
        catalog = await store.products(connection, sorted({line.product_id for line in command.lines}))
        lines = price(command.lines, catalog)
        currency = catalog[lines[0].product_id].currency
        expires_at = await store.add_lines(connection, command.order_id, currency, lines)
        event = StockReserved(order_id=str(command.order_id), items=stock_lines(lines))
        await outbox.publish(connection, event, key=str(command.order_id), subject=str(command.order_id))
        levels = await store.apply(connection, MoveKind.RESERVE, command.order_id, HOLD, lines, currency=currency)
        if levels is None:
            raise _StockMoved
        await self.low_stock.tell(connection, levels)
        return Reservation(command.order_id, Status.HELD, None, currency, expires_at, lines)

    async def _repeat(self, connection: Connection, command: ReserveStockCommand) -> Reservation:
        reservation = await store.lock(connection, command.order_id)
        if reservation.status is Status.RELEASED:
            raise ReservationEnded(reservation.status)
        if not same_lines(command.lines, reservation.lines):
            raise OtherLines
        if reservation.status is Status.HELD:
            expires_at = await store.extend(connection, command.order_id, self.hold)
            return Reservation(command.order_id, Status.HELD, None, reservation.currency, expires_at, reservation.lines)
        return reservation
