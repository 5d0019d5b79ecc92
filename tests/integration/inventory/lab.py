"""The inventory service's use cases on a real database, and what the numbers in it are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc

from argosy.order.v1.order_lookup_pb2 import ResolvedOrder, ResolveOrdersRequest, ResolveOrdersResponse
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceServicer
from services.chassis.bus.events import Event
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_work import PostgresWork
from services.chassis.plain.unit_of_work import Repeatable
from services.inventory.adapters.unit_of_work import PostgresInventoryUnit
from services.inventory.domain.bounds import Bounds
from services.inventory.domain.products import NewProduct, Product, ProductChange
from services.inventory.domain.reservations import Line, Reservation
from services.inventory.domain.stock import StockMove
from services.inventory.entrypoints.consumers import handlers
from services.inventory.entrypoints.mapping import KEPT_ANSWERS
from services.inventory.entrypoints.workers import expiry
from services.inventory.ports import Orders
from services.inventory.use_cases.adjust_stock import AdjustStock, AdjustStockHandler
from services.inventory.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.inventory.use_cases.change_product import ChangeProduct, ChangeProductHandler
from services.inventory.use_cases.commit_reservation import CommitReservation, CommitReservationHandler
from services.inventory.use_cases.create_product import CreateProduct, CreateProductHandler
from services.inventory.use_cases.expire_holds import ExpireHoldsHandler
from services.inventory.use_cases.get_product import GetProduct, GetProductHandler
from services.inventory.use_cases.list_stock_moves import ListStockMoves, ListStockMovesHandler
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservation, ReleaseReservationHandler
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockHandler

HOUR = timedelta(hours=1)
STAFF = uuid4()
NEVER = 0
"""The threshold of products that never run low."""


OPEN, CANCELLED, CLOSED = ResolvedOrder.STATE_OPEN, ResolvedOrder.STATE_CANCELLED, ResolvedOrder.STATE_CLOSED


@dataclass
class FakeOrder(OrderLookupServiceServicer):
    """The order service: answers the states that tests set; other orders are unknown."""

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
        self.work = PostgresWork(postgres, PostgresInventoryUnit, KEPT_ANSWERS)
        publish_low = PublishLowStock(NEVER)
        self._reserve = ReserveStockHandler(self.work, HOUR, publish_low, Bounds(orders=3, pieces=8))
        self._commit = CommitReservationHandler(self.work, publish_low)
        self._release = ReleaseReservationHandler(self.work)
        self._handlers = handlers(ApplyOrderStatusHandler(self.work, self._commit, self._release))
        self._expire = ExpireHoldsHandler(self.work, orders, self._release, HOUR)
        self.expiry = expiry(self._expire, every_seconds=0.05)
        self._create = CreateProductHandler(self.work)
        self._change = ChangeProductHandler(self.work)
        self._get = GetProductHandler(self.work)
        self._adjust = AdjustStockHandler(self.work, publish_low)
        self.list_moves = ListStockMovesHandler(self.work)

    async def create(self, product: NewProduct, key: str | None = None) -> Product:
        return await self._create(CreateProduct(product, STAFF, Repeatable(key, repr(product).encode())))

    async def change(self, change: ProductChange) -> Product:
        return await self._change(ChangeProduct(change))

    async def product(self, product_id: str) -> Product:
        return await self._get(GetProduct(product_id))

    async def reserve(self, order_id: UUID, *lines: Line) -> Reservation:
        return await self._reserve(ReserveStock(order_id, lines))

    async def reserve_for(self, customer_id: UUID, *lines: Line) -> UUID:
        """A new order of a customer."""
        order_id = uuid4()
        await self._reserve(ReserveStock(order_id, lines, customer_id))
        return order_id

    async def commit(self, order_id: UUID) -> Reservation:
        return await self._commit(CommitReservation(order_id))

    async def release(self, order_id: UUID) -> Reservation:
        return await self._release(ReleaseReservation(order_id))

    async def consume(self, event: Event) -> None:
        """Apply an event as the consumer does. Fails where the event would become a dead letter."""
        await self._handlers[event.type](event)

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
        return await self._expire()

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

    async def adjust(self, product_id: str, delta: int, reason: str | None = None, key: str | None = None) -> StockMove:
        request = Repeatable(key, f"{product_id} {delta} {reason}".encode())
        return await self._adjust(AdjustStock(product_id, delta, reason, STAFF, request))

    async def moves(self, product_id: str) -> list[StockMove]:
        """All of a product's moves, oldest first."""
        found, _ = await self.list_moves(ListStockMoves(product_id, before=None, size=10_000))
        return found[::-1]

    async def low_stock_events(self) -> list[str]:
        """The products of the StockLow events, in order."""
        rows = await self.postgres.fetch("SELECT key FROM outbox WHERE type = 'STOCK_LOW' ORDER BY position")
        return [row["key"] for row in rows]

    async def set_threshold(self, product_id: str, threshold: int) -> None:
        await self.postgres.execute("UPDATE products SET low_stock_threshold = $2 WHERE id = $1", product_id, threshold)
