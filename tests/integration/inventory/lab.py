"""The inventory service's use cases on a real database, and what the numbers in it are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc

from argosy.inventory.v1.product_pb2 import StockMove as StockMoveMessage
from argosy.order.v1.order_lookup_pb2 import ResolvedOrder, ResolveOrdersRequest, ResolveOrdersResponse
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceServicer
from services.chassis.postgres import Postgres
from services.inventory.domain import Line
from services.inventory.low_stock import LowStock
from services.inventory.moves import StockMove
from services.inventory.orders import Orders
from services.inventory.store import Reservation
from services.inventory.use_cases.adjust_stock import AdjustStock, AdjustStockCommand, ShowStockMoves
from services.inventory.use_cases.commit_reservation import CommitReservation
from services.inventory.use_cases.expire_holds import ExpireHolds
from services.inventory.use_cases.keep_catalog import KeepCatalog
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockCommand
from services.inventory.use_cases.sell_confirmed import SellConfirmed

HOUR = timedelta(hours=1)
STAFF = uuid4()
NEVER = 0
"""The threshold of products that never run low."""


OPEN, CANCELLED, CLOSED = ResolvedOrder.STATE_OPEN, ResolvedOrder.STATE_CANCELLED, ResolvedOrder.STATE_CLOSED


@dataclass
class FakeOrder(OrderLookupServiceServicer):
    """The order service: says of each order what it is told to, and knows nothing of the others."""

    states: dict[UUID, ResolvedOrder.State.ValueType] = field(default_factory=dict)
    refuses_with: grpc.StatusCode | None = None
    asked: list[list[UUID]] = field(default_factory=list)

    async def ResolveOrders(
        self, request: ResolveOrdersRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ResolveOrdersResponse:
        asked = [UUID(order_id) for order_id in request.order_ids]
        self.asked.append(asked)
        if self.refuses_with is not None:
            await context.abort(self.refuses_with, "not now")
        return ResolveOrdersResponse(
            orders=[ResolvedOrder(order_id=str(one), state=self.states.get(one, CLOSED)) for one in asked]
        )


class Inventory:
    """The use cases on one database, and what the numbers in it are."""

    def __init__(self, postgres: Postgres, order: FakeOrder, orders: Orders) -> None:
        self.postgres = postgres
        self.order = order
        low_stock = LowStock(NEVER)
        self.reserve_for = ReserveStock(postgres, HOUR, low_stock)
        self.committing = CommitReservation(low_stock)
        self.releasing = ReleaseReservation()
        self.selling = SellConfirmed(postgres, self.committing)
        self.ending = ExpireHolds(postgres, orders, self.releasing, HOUR, every_seconds=0.05)
        self.keep = KeepCatalog(postgres)
        self.adjusting = AdjustStock(postgres, low_stock)
        self.showing = ShowStockMoves(postgres)

    async def reserve(self, order_id: UUID, *lines: Line) -> Reservation:
        return await self.reserve_for(ReserveStockCommand(order_id, lines))

    async def commit(self, order_id: UUID) -> Reservation:
        async with self.postgres.transaction() as connection:
            return await self.committing(connection, order_id)

    async def release(self, order_id: UUID) -> Reservation:
        async with self.postgres.transaction() as connection:
            return await self.releasing(connection, order_id)

    async def stock(self, product_id: str) -> tuple[int, int]:
        row = await self.postgres.fetchrow("SELECT on_hand, held FROM products WHERE id = $1", product_id)
        assert row is not None
        return row["on_hand"], row["held"]

    async def published(self) -> Counter[str]:
        return Counter(row["type"] for row in await self.postgres.fetch("SELECT type FROM outbox"))

    async def end_hold(self, order_id: UUID) -> None:
        await self.postgres.execute(
            "UPDATE reservations SET expires_at = now() - interval '1 second' WHERE order_id = $1", order_id
        )

    async def expire(self) -> int:
        return await self.ending.once()

    async def reservation(self, order_id: UUID) -> tuple[str, str | None]:
        """Where the order's reservation stands, and why it was given back if it was."""
        row = await self.postgres.fetchrow(
            "SELECT status, release_reason FROM reservations WHERE order_id = $1", order_id
        )
        assert row is not None
        return row["status"], row["release_reason"]

    async def hold_has_ended(self, order_id: UUID) -> bool:
        """Whether the time of the order's hold is over."""
        query = "SELECT expires_at < now() FROM reservations WHERE order_id = $1"
        return bool(await self.postgres.fetchval(query, order_id))

    async def adjust(
        self, product_id: str, delta: int, reason: str | None = None, key: str | None = None
    ) -> StockMoveMessage:
        print_ = f"{product_id} {delta} {reason}".encode()
        return await self.adjusting(AdjustStockCommand(product_id, delta, reason, STAFF, key, print_))

    async def moves(self, product_id: str) -> list[StockMove]:
        """All of a product's moves, oldest first."""
        found, _ = await self.showing.page(product_id, before=None, size=10_000)
        return found[::-1]

    async def told_low(self) -> list[str]:
        """The products that were said to run out, in order."""
        rows = await self.postgres.fetch("SELECT key FROM outbox WHERE type = 'STOCK_LOW' ORDER BY position")
        return [row["key"] for row in rows]

    async def set_threshold(self, product_id: str, threshold: int) -> None:
        await self.postgres.execute("UPDATE products SET low_stock_threshold = $2 WHERE id = $1", product_id, threshold)
