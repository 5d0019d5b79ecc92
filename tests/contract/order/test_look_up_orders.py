"""LookUpOrders: for services that compare what they keep with orders. It changes nothing."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.order.v1 import order_lookup_pb2_grpc, order_pb2, order_pb2_grpc
from argosy.order.v1.order_lookup_pb2 import LookUpOrdersRequest
from services.chassis.rpc import timestamps
from tests.contract.order.conftest import People
from tests.contract.support import Metadata, bearer, fields, others_than, refused, service_token
from tests.support.real_stack import RealStack

Stub = order_lookup_pb2_grpc.OrderLookupServiceStub
CALLERS = {"inventory", "notification", "payment"}


@pytest.fixture
def inventory_service(stack: RealStack) -> Metadata:
    """What inventory's calls carry."""
    return bearer(service_token(stack, "inventory"))


async def test_orders_that_exist(
    lookup: Stub,
    orders: order_pb2_grpc.OrderServiceStub,
    people: People,
    order: order_pb2.Order,
    inventory_service: Metadata,
) -> None:
    request = LookUpOrdersRequest(order_ids=[str(uuid.uuid4()), order.id.upper()])
    (found,) = (await lookup.LookUpOrders(request, metadata=inventory_service)).orders
    assert (found.order_id, found.user_id, found.status) == (order.id, order.user_id, "pending")
    assert (found.total_amount, found.currency, found.reason) == (order.total_amount, order.currency, "")
    assert found.updated_at == order.updated_at
    cancel = order_pb2.UpdateOrderStatusRequest(id=order.id, status="cancelled")
    cancelled = await orders.UpdateOrderStatus(cancel, metadata=people.owner.metadata)
    (after,) = (await lookup.LookUpOrders(request, metadata=inventory_service)).orders
    assert (after.status, after.reason, after.updated_at) == ("cancelled", "by_owner", cancelled.updated_at)
    assert uuid.UUID(after.status_event_id) != uuid.UUID(found.status_event_id)
    assert timestamps.from_message(after.updated_at) >= timestamps.from_message(found.updated_at)


@pytest.mark.usefixtures("unchanged")
async def test_nobody_else_may_ask(lookup: Stub, stack: RealStack, people: People) -> None:
    for who, metadata in others_than(stack, CALLERS, people.owner, people.staff).items():
        refusal = await refused(
            lookup.LookUpOrders(LookUpOrdersRequest(order_ids=[str(uuid.uuid4())]), metadata=metadata)
        )
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("order_ids", "field"), [([], "orderIds"), ([str(uuid.uuid4())] * 101, "orderIds"), (["42"], "orderIds[0]")]
)
async def test_a_bad_request_is_named(
    lookup: Stub, inventory_service: Metadata, order_ids: list[str], field: str
) -> None:
    refusal = await refused(lookup.LookUpOrders(LookUpOrdersRequest(order_ids=order_ids), metadata=inventory_service))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
