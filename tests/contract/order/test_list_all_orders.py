"""ListAllOrders: for staff alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from argosy.order.v1 import order_pb2, order_pb2_grpc
from tests.contract.order.conftest import People, an_order
from tests.contract.support import (
    fields,
    others_than_staff,
    refused,
    sign_up,
    sign_up_staff,
)
from tests.support.real_stack import RealStack

Orders = order_pb2_grpc.OrderServiceStub
ListAll = order_pb2.ListAllOrdersRequest


async def everything(orders: Orders, people: People, **wanted: Any) -> list[order_pb2.Order]:
    found, token = [], ""
    while True:
        page = await orders.ListAllOrders(ListAll(page_token=token, **wanted), metadata=people.staff.metadata)
        found += page.orders
        token = page.next_page_token
        if not token:
            return found


async def test_orders_of_several_customers_by_state_and_time(
    orders: Orders, stack: RealStack, people: People, product: str
) -> None:
    customers = [await sign_up(stack) for _ in range(3)]
    placed = [await orders.CreateOrder(an_order(product), metadata=one.metadata) for one in customers * 3]
    for order, status in zip(placed, ["confirmed", "cancelled"], strict=False):
        update = order_pb2.UpdateOrderStatusRequest(id=order.id, status=status)
        await orders.UpdateOrderStatus(update, metadata=people.staff.metadata)
    newest_first = [order.id for order in placed[::-1]]
    after = Timestamp()
    after.FromDatetime(placed[-1].created_at.ToDatetime() + timedelta(milliseconds=1))
    span = {"placed_from": placed[0].created_at, "placed_before": after}

    found: list[order_pb2.Order] = []
    for size in (1, 4, 100):
        found = await everything(orders, people, page_size=size, **span)
        assert [order.id for order in found if order.id in newest_first] == newest_first
    states = {order.id: order.status for order in found}
    assert [states[order.id] for order in placed[:3]] == ["confirmed", "cancelled", "pending"]
    moved = await everything(orders, people, statuses=["cancelled", "confirmed"], **span)
    assert [order.id for order in moved if order.id in newest_first] == [placed[1].id, placed[0].id]
    assert {order.status for order in moved} == {"cancelled", "confirmed"}
    earlier = await everything(orders, people, placed_from=placed[0].created_at, placed_before=placed[4].created_at)
    assert not {order.id for order in earlier} & {order.id for order in placed[4:]}
    assert await everything(orders, people, placed_from=after, statuses=["delivered"]) == []


@pytest.mark.usefixtures("unchanged")
async def test_nobody_else_lists_all_orders(orders: Orders, people: People, stack: RealStack) -> None:
    for who, metadata in others_than_staff(stack, people.staff, people.owner, "payment").items():
        refusal = await refused(orders.ListAllOrders(ListAll(), metadata=metadata))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who


async def test_a_token_is_of_one_list_and_reader(
    orders: Orders, people: People, stack: RealStack, order: order_pb2.Order, product: str
) -> None:
    await orders.CreateOrder(an_order(product), metadata=people.owner.metadata)
    page = await orders.ListAllOrders(ListAll(page_size=1), metadata=people.staff.metadata)
    token, colleague = page.next_page_token, await sign_up_staff(stack)
    for who, wrong in (
        (people.staff, ListAll(page_token=token, statuses=["pending"])),
        (people.staff, ListAll(page_token=token, placed_from=order.created_at)),
        (people.staff, ListAll(page_token=token[:-3])),
        (colleague, ListAll(page_token=token)),
    ):
        refusal = await refused(orders.ListAllOrders(wrong, metadata=who.metadata))
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["pageToken"])


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ListAll(page_size=-1), "pageSize"),
        (ListAll(page_token="nonsense"), "pageToken"),
        (ListAll(page_token="x" * 513), "pageToken"),
        (ListAll(statuses=["pending", "lost"]), "statuses[1]"),
        (ListAll(statuses=["pending", "pending"]), "statuses"),
        (ListAll(placed_from=Timestamp(seconds=-1)), "placedFrom"),
        (ListAll(placed_before=Timestamp(seconds=1 << 40)), "placedBefore"),
        (ListAll(placed_from=Timestamp(seconds=9), placed_before=Timestamp(seconds=9)), "placedBefore"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(orders: Orders, people: People, request_: ListAll, field: str) -> None:
    refusal = await refused(orders.ListAllOrders(request_, metadata=people.staff.metadata))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
