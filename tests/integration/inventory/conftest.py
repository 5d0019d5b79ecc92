"""An inventory on a database of the module's own, with two products, ten of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

import services.inventory
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub, add_OrderLookupServiceServicer_to_server
from services.chassis.data.postgres import Postgres
from services.chassis.plain.money import Money
from services.inventory.adapters.orders import GrpcOrders
from services.inventory.adapters.products import PostgresProducts
from services.inventory.domain.products import NewProduct
from tests.integration.inventory.lab import FakeOrder, Inventory

MIGRATIONS = Path(services.inventory.__file__).parent / "migrations"


@pytest.fixture
async def order() -> AsyncIterator[tuple[FakeOrder, GrpcOrders]]:
    """An order service with answers that tests set, and a client of it."""
    fake, server = FakeOrder(), grpc.aio.server()  # type: ignore[abstract]  # the other rpcs are not called
    add_OrderLookupServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield fake, GrpcOrders(OrderLookupServiceStub(channel))
    await server.stop(None)


@pytest.fixture
async def inventory(postgres_url: str, order: tuple[FakeOrder, GrpcOrders]) -> AsyncIterator[Inventory]:
    postgres = Postgres(postgres_url, "inventory-test", MIGRATIONS)
    await postgres.start()
    async with postgres.transaction() as connection:
        await connection.execute(
            "TRUNCATE products, stock_moves, reservations, reservation_items, outbox, inbox, idempotency_keys"
        )
        await PostgresProducts(connection).add_missing(
            [
                NewProduct("bell", "Bell", "", Money(8900, "USD"), on_hand=10),
                NewProduct("chart", "Chart", "", Money(1250, "USD"), on_hand=10),
            ]
        )
    yield Inventory(postgres, *order)
    await postgres.stop()
