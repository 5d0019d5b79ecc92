"""ResolveOrders: for inventory alone. It closes what does not exist."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.order.v1 import order_lookup_pb2_grpc, order_pb2, order_pb2_grpc
from argosy.order.v1.order_lookup_pb2 import ResolvedOrder, ResolveOrdersRequest
from tests.contract.order.conftest import People
from tests.contract.support import Metadata, bearer, fields, others_than, refused, service_token
from tests.support.real_stack import RealStack

Stub = order_lookup_pb2_grpc.OrderLookupServiceStub


@pytest.fixture
def inventory_service(stack: RealStack) -> Metadata:
    """What inventory's calls carry."""
    return bearer(service_token(stack, "inventory"))


async def test_where_orders_stand(
    lookup: Stub,
    orders: order_pb2_grpc.OrderServiceStub,
    people: People,
    order: order_pb2.Order,
    inventory_service: Metadata,
) -> None:
    unknown = str(uuid.uuid4())
    request = ResolveOrdersRequest(order_ids=[unknown, order.id.upper(), unknown])

    async def states() -> list[tuple[str, int]]:
        answer = await lookup.ResolveOrders(request, metadata=inventory_service)
        return [(one.order_id, one.state) for one in answer.orders]

    closed = (unknown, ResolvedOrder.STATE_CLOSED)
    assert await states() == [closed, (order.id, ResolvedOrder.STATE_OPEN), closed]
    cancel = order_pb2.UpdateOrderStatusRequest(id=order.id, status="cancelled")
    await orders.UpdateOrderStatus(cancel, metadata=people.owner.metadata)
    assert await states() == [closed, (order.id, ResolvedOrder.STATE_CANCELLED), closed]


@pytest.mark.usefixtures("unchanged")
async def test_nobody_else_may_ask(lookup: Stub, stack: RealStack, people: People) -> None:
    for who, metadata in others_than(stack, {"inventory"}, people.owner, people.staff).items():
        refusal = await refused(
            lookup.ResolveOrders(ResolveOrdersRequest(order_ids=[str(uuid.uuid4())]), metadata=metadata)
        )
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("order_ids", "field"), [([], "orderIds"), ([str(uuid.uuid4())] * 101, "orderIds"), (["42"], "orderIds[0]")]
)
async def test_a_bad_request_is_named(
    lookup: Stub, inventory_service: Metadata, order_ids: list[str], field: str
) -> None:
    refusal = await refused(lookup.ResolveOrders(ResolveOrdersRequest(order_ids=order_ids), metadata=inventory_service))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
