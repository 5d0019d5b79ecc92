"""The real payment service, called directly, with the real order service and Stripe's sandbox behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest

from argosy.order.v1 import order_pb2, order_pb2_grpc
from argosy.payment.v1 import payment_lookup_pb2_grpc, payment_pb2_grpc
from tests.contract.payment.stripe_side import StripeSide
from tests.contract.support import SignedIn, contents, sign_up, sign_up_staff
from tests.support.real_stack import RealStack

WATCHED = (
    "(SELECT id, status FROM payments)",  # not when the reconciler looks again
    "(SELECT id, status FROM refunds)",
    "ledger_entries",
    "cancelled_orders",
    "idempotency_keys",
    "(SELECT id, type FROM outbox)",  # not whether the relay has sent them meanwhile
)

PlaceOrder = Callable[..., Awaitable[str]]
"""`await place_order(ada)` → the id of a new order of Ada's, of 29.99 USD."""


@pytest.fixture(scope="session")
async def payment_channel(stack: RealStack) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(stack.grpc_target("payment")) as channel:
        yield channel


@pytest.fixture(scope="session")
def payments(payment_channel: grpc.aio.Channel) -> payment_pb2_grpc.PaymentServiceStub:
    return payment_pb2_grpc.PaymentServiceStub(payment_channel)


@pytest.fixture(scope="session")
def lookup(payment_channel: grpc.aio.Channel) -> payment_lookup_pb2_grpc.PaymentLookupServiceStub:
    return payment_lookup_pb2_grpc.PaymentLookupServiceStub(payment_channel)


@pytest.fixture(scope="session")
async def orders(stack: RealStack) -> AsyncIterator[order_pb2_grpc.OrderServiceStub]:
    async with grpc.aio.insecure_channel(stack.grpc_target("order")) as channel:
        yield order_pb2_grpc.OrderServiceStub(channel)


@pytest.fixture(scope="session")
async def stripe(stack: RealStack) -> AsyncIterator[StripeSide]:
    side = StripeSide(stack)
    yield side
    await side.close()


@pytest.fixture(scope="session")
async def ada(stack: RealStack) -> SignedIn:
    """Somebody who orders and pays."""
    return await sign_up(stack)


@pytest.fixture(scope="session")
async def bob(stack: RealStack) -> SignedIn:
    """Somebody else."""
    return await sign_up(stack)


@pytest.fixture(scope="session")
async def staff(stack: RealStack) -> SignedIn:
    return await sign_up_staff(stack)


@pytest.fixture(scope="session")
def place_order(orders: order_pb2_grpc.OrderServiceStub) -> PlaceOrder:
    async def place(person: SignedIn) -> str:
        request = order_pb2.CreateOrderRequest(
            items=[order_pb2.OrderItemRequest(product_id="prod-123", quantity=1)],
            shipping_address=order_pb2.ShippingAddress(street="1 Quay", city="Iolcus", zip_code="38221", country="GR"),
        )
        order: order_pb2.Order = await orders.CreateOrder(request, metadata=person.metadata)
        return order.id

    return place


@pytest.fixture
async def unchanged(stack: RealStack, ada: SignedIn, bob: SignedIn, staff: SignedIn) -> AsyncIterator[None]:
    """What the test does leaves the service's data as it was, and announces nothing."""
    before = await contents(stack, "payment", WATCHED)
    yield
    assert await contents(stack, "payment", WATCHED) == before
