"""The real inventory service, called directly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from argosy.inventory.v1 import product_pb2_grpc, reservation_pb2_grpc
from tests.contract.support import Metadata, SignedIn, bearer, contents, service_token, sign_up, sign_up_staff
from tests.support.real_stack import RealStack
from tests.support.stock import new_product

TABLES = ("products", "stock_moves", "reservations", "reservation_items", "idempotency_keys")


@pytest.fixture(scope="session")
async def channel(stack: RealStack) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(stack.grpc_target("inventory")) as channel:
        yield channel


@pytest.fixture(scope="session")
def products(channel: grpc.aio.Channel) -> product_pb2_grpc.ProductServiceStub:
    return product_pb2_grpc.ProductServiceStub(channel)


@pytest.fixture(scope="session")
def reservations(channel: grpc.aio.Channel) -> reservation_pb2_grpc.ReservationServiceStub:
    return reservation_pb2_grpc.ReservationServiceStub(channel)


@pytest.fixture(scope="session")
async def ada(stack: RealStack) -> SignedIn:
    """A customer."""
    return await sign_up(stack)


@pytest.fixture(scope="session")
async def staff(stack: RealStack) -> SignedIn:
    """Somebody who works here."""
    return await sign_up_staff(stack)


@pytest.fixture
def order_service(stack: RealStack) -> Metadata:
    """What the order service's calls carry."""
    return bearer(service_token(stack, "order"))


@pytest.fixture
async def product(stack: RealStack) -> str:
    """The id of a product of 12.50 USD with 10 in stock that only this test knows."""
    return await new_product(stack, 10)


@pytest.fixture
async def unchanged(stack: RealStack, product: str, ada: SignedIn, staff: SignedIn) -> AsyncIterator[None]:
    """What the test does leaves the service's data as it was, and announces nothing."""
    events = "(SELECT id, type FROM outbox)"  # not whether the relay has sent them meanwhile
    before = await contents(stack, "inventory", (*TABLES, events))
    yield
    assert await contents(stack, "inventory", (*TABLES, events)) == before
