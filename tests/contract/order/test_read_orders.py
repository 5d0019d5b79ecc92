"""GetOrder, ListOrders, GetOrderHistory."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.order.v1 import order_pb2, order_pb2_grpc
from tests.contract.order.conftest import People, an_order
from tests.contract.support import fields, refused, sign_up
from tests.support.real_stack import RealStack

Orders = order_pb2_grpc.OrderServiceStub
List = order_pb2.ListOrdersRequest

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


async def test_an_id_may_be_in_capitals(orders: Orders, people: People, order: order_pb2.Order) -> None:
    shouted = order.id.upper()
    assert await orders.GetOrder(order_pb2.GetOrderRequest(id=shouted), metadata=people.owner.metadata) == order
    request = order_pb2.GetOrderHistoryRequest(id=shouted)
    assert len((await orders.GetOrderHistory(request, metadata=people.owner.metadata)).events) == 1


@pytest.mark.parametrize("bad", ["", "1", "not-a-uuid", "{0189d4a1-7f3b-7c3e-8c5e-2f6a1b7c9d0e}"])
async def test_what_is_no_id_is_refused(orders: Orders, people: People, bad: str) -> None:
    for call in (
        orders.GetOrder(order_pb2.GetOrderRequest(id=bad), metadata=people.owner.metadata),
        orders.GetOrderHistory(order_pb2.GetOrderHistoryRequest(id=bad), metadata=people.owner.metadata),
    ):
        refusal = await refused(call)
        assert (refusal.code, fields(refusal)) == (INVALID_ARGUMENT, ["id"])


async def test_an_unknown_order_is_not_found(orders: Orders, people: People) -> None:
    unknown = str(uuid.uuid4())
    for call in (
        orders.GetOrder(order_pb2.GetOrderRequest(id=unknown), metadata=people.staff.metadata),
        orders.GetOrderHistory(order_pb2.GetOrderHistoryRequest(id=unknown), metadata=people.staff.metadata),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (NOT_FOUND, "ORDER_NOT_FOUND")


async def test_the_history_has_all_events_in_order(orders: Orders, people: People, order: order_pb2.Order) -> None:
    updated = order
    for status in ("confirmed", "shipped"):
        request = order_pb2.UpdateOrderStatusRequest(id=order.id, status=status)
        updated = await orders.UpdateOrderStatus(request, metadata=people.staff.metadata)

    answer = await orders.GetOrderHistory(order_pb2.GetOrderHistoryRequest(id=order.id), metadata=people.owner.metadata)

    assert [(event.seq, event.type) for event in answer.events] == [
        (1, "ORDER_CREATED"),
        (2, "ORDER_STATUS_UPDATED"),
        (3, "ORDER_STATUS_UPDATED"),
    ]
    created, _, shipped = answer.events
    assert created.at == order.created_at
    assert shipped.at == updated.updated_at
    assert created.data["totalAmount"] == "25.00"
    assert created.data["items"][0]["quantity"] == 2
    assert "shippingAddress" not in created.data
    assert dict(shipped.data) == {
        "orderId": order.id,
        "userId": people.owner.id,
        "status": "shipped",
        "previousStatus": "confirmed",
        "reason": "by_staff",
    }


async def test_a_list_right_after_has_the_order(orders: Orders, stack: RealStack, product: str) -> None:
    somebody = await sign_up(stack)
    for number in (1, 2, 3):
        order = await orders.CreateOrder(an_order(product), metadata=somebody.metadata)
        listed = await orders.ListOrders(List(), metadata=somebody.metadata)
        assert listed.orders[0] == order
        assert (len(listed.orders), listed.next_page_token) == (number, "")


async def test_pages_and_statuses(orders: Orders, stack: RealStack, people: People, product: str) -> None:
    somebody = await sign_up(stack)
    placed = [await orders.CreateOrder(an_order(product), metadata=somebody.metadata) for _ in range(30)]
    for order in placed[::10]:
        cancel = order_pb2.UpdateOrderStatusRequest(id=order.id, status="cancelled")
        await orders.UpdateOrderStatus(cancel, metadata=somebody.metadata)

    async def everything(**wanted: object) -> list[str]:
        found, token = [], ""
        while True:
            request = List(page_token=token, **wanted)  # type: ignore[arg-type]
            page = await orders.ListOrders(request, metadata=somebody.metadata)
            found += [order.id for order in page.orders]
            token = page.next_page_token
            if not token:
                return found

    newest_first = [order.id for order in placed[::-1]]
    for size in (0, 1, 7, 100, 1000):
        assert await everything(page_size=size) == newest_first
    assert await everything(status="cancelled", page_size=2) == [order.id for order in placed[::10]][::-1]
    assert await everything(status="shipped") == []
    first = await orders.ListOrders(List(), metadata=somebody.metadata)
    assert len(first.orders) == 20


async def test_staff_list_their_own_or_somebodys(orders: Orders, people: People, order: order_pb2.Order) -> None:
    listed = await orders.ListOrders(List(page_size=100), metadata=people.staff.metadata)
    assert all(found.user_id == people.staff.id for found in listed.orders)
    for who in (people.staff, people.owner):
        somebodys = List(page_size=100, user_id=people.owner.id.upper())
        listed = await orders.ListOrders(somebodys, metadata=who.metadata)
        assert listed.orders[0] == order
        assert {found.user_id for found in listed.orders} == {people.owner.id}


async def test_nobody_else_lists_somebodys_orders(orders: Orders, people: People, order: order_pb2.Order) -> None:
    for user_id in (people.owner.id, str(uuid.uuid4())):  # the same answer, whether there is such a person or not
        refusal = await refused(orders.ListOrders(List(user_id=user_id), metadata=people.stranger.metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ONLY_STAFF_LIST_OTHERS")


async def test_a_token_is_of_one_list(orders: Orders, stack: RealStack, people: People, product: str) -> None:
    somebody = await sign_up(stack)
    for _ in range(2):
        await orders.CreateOrder(an_order(product), metadata=somebody.metadata)
    page = await orders.ListOrders(List(page_size=1), metadata=somebody.metadata)
    token = page.next_page_token
    for who, wrong in (
        (somebody, List(page_token=token, status="pending")),
        (people.stranger, List(page_token=token)),
        (people.staff, List(page_token=token, user_id=somebody.id)),
        (somebody, List(page_token=token[::-1])),
        (somebody, List(page_token=token[:-3])),
    ):
        refusal = await refused(orders.ListOrders(wrong, metadata=who.metadata))
        assert (refusal.code, fields(refusal)) == (INVALID_ARGUMENT, ["pageToken"])
    rest = await orders.ListOrders(List(page_token=token), metadata=somebody.metadata)
    assert len(rest.orders) == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (List(page_size=-1), "pageSize"),
        (List(page_token="nonsense"), "pageToken"),
        (List(page_token="x" * 513), "pageToken"),
        (List(status="lost"), "status"),
        (List(status="PENDING"), "status"),
        (List(user_id="u-1"), "userId"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(orders: Orders, people: People, request_: List, field: str) -> None:
    refusal = await refused(orders.ListOrders(request_, metadata=people.owner.metadata))
    assert (refusal.code, fields(refusal)) == (INVALID_ARGUMENT, [field])
