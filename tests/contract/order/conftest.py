"""The real order service, called directly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase

from argosy.inventory.v1 import reservation_pb2_grpc
from argosy.order.v1 import order_lookup_pb2_grpc, order_pb2, order_pb2_grpc
from tests.contract.support import Metadata, SignedIn, bearer, contents, service_token, sign_up, sign_up_staff
from tests.support import bus
from tests.support.real_stack import RealStack
from tests.support.stock import new_product

Document = dict[str, Any]
ADDRESS = order_pb2.ShippingAddress(street="123 Test St", city="Test City", state="TS", zip_code="12345", country="US")


@dataclass(frozen=True)
class People:
    """Who calls."""

    owner: SignedIn
    stranger: SignedIn
    staff: SignedIn


@pytest.fixture(scope="session")
async def people(stack: RealStack) -> People:
    """Somebody who orders, somebody else, and somebody who works here."""
    return People(await sign_up(stack), await sign_up(stack), await sign_up_staff(stack))


@pytest.fixture(scope="session")
async def channel(stack: RealStack) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(stack.grpc_target("order")) as channel:
        yield channel


@pytest.fixture(scope="session")
def orders(channel: grpc.aio.Channel) -> order_pb2_grpc.OrderServiceStub:
    return order_pb2_grpc.OrderServiceStub(channel)


@pytest.fixture(scope="session")
def lookup(channel: grpc.aio.Channel) -> order_lookup_pb2_grpc.OrderLookupServiceStub:
    return order_lookup_pb2_grpc.OrderLookupServiceStub(channel)


@pytest.fixture(scope="session")
async def reservations(stack: RealStack) -> AsyncIterator[reservation_pb2_grpc.ReservationServiceStub]:
    """What the order service asks of inventory."""
    async with grpc.aio.insecure_channel(stack.grpc_target("inventory")) as channel:
        yield reservation_pb2_grpc.ReservationServiceStub(channel)


@pytest.fixture
def order_service(stack: RealStack) -> Metadata:
    """What the order service's own calls carry."""
    return bearer(service_token(stack, "order"))


@pytest.fixture
def payment_service(stack: RealStack) -> Metadata:
    """What the payment service's calls carry."""
    return bearer(service_token(stack, "payment"))


@pytest.fixture(scope="session")
async def documents(stack: RealStack) -> AsyncIterator[AsyncIOMotorDatabase[Document]]:
    """The order service's own documents."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(stack.mongo_url("orders"), tz_aware=True)
    yield client.get_default_database()
    client.close()


@pytest.fixture
async def product(stack: RealStack) -> str:
    """The id of a product of 12.50 USD with 1000 in stock that only this test knows."""
    return await new_product(stack, 1000)


@pytest.fixture
async def order(orders: order_pb2_grpc.OrderServiceStub, people: People, product: str) -> order_pb2.Order:
    """An order of the owner's, pending."""
    placed: order_pb2.Order = await orders.CreateOrder(an_order(product), metadata=people.owner.metadata)
    return placed


@pytest.fixture
async def unchanged(
    stack: RealStack, documents: AsyncIOMotorDatabase[Document], product: str, order: order_pb2.Order
) -> AsyncIterator[None]:
    """What the test does leaves every order and every reservation as it was, and this test's product as well."""

    async def everything() -> tuple[list[str], dict[str, str]]:
        commits = await documents["commits"].find({}, {"_id": 1}).to_list(None)
        # Not what stock other tests' orders have meanwhile: inventory hears of those in its own time.
        tables = ("(SELECT order_id FROM reservations)", f"(SELECT * FROM products WHERE id = '{product}')")
        return sorted(commit["_id"] for commit in commits), await contents(stack, "inventory", tables)

    before = await everything()
    yield
    assert await everything() == before


async def events_of(stack: RealStack, order_id: str, count: int) -> list[bus.Record]:
    """What the bus has about an order, each event at its first appearance, as soon as it is so much."""
    async with asyncio.timeout(60):
        while True:
            records = [one for one in await bus.records(stack, ["order-events"]) if one.key == order_id.encode()]
            found: dict[str, bus.Record] = {}
            for record in records:
                found.setdefault(record.header("ce_id"), record)
            if len(found) >= count:
                return list(found.values())
            await asyncio.sleep(0.2)


def an_order(product: str, quantity: int = 2, **item: Any) -> order_pb2.CreateOrderRequest:
    """A request for one line."""
    return order_pb2.CreateOrderRequest(
        items=[order_pb2.OrderItemRequest(product_id=product, quantity=quantity, **item)], shipping_address=ADDRESS
    )
