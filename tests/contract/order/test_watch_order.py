"""WatchOrder. (Who may: test_access.py. Through the edge: e2e.)"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import grpc
import pytest

from argosy.order.v1 import order_pb2, order_pb2_grpc
from tests.contract.order.conftest import People, an_order
from tests.contract.order.test_update_status import move
from tests.contract.support import SignedIn, fields, refused

Orders = order_pb2_grpc.OrderServiceStub
Watch = order_pb2.WatchOrderRequest


def watching(orders: Orders, who: SignedIn, order_id: str) -> Any:
    return orders.WatchOrder(Watch(id=order_id), metadata=who.metadata)


async def next_of(stream: Any) -> Any:
    """The next state, or grpc.aio.EOF."""
    async with asyncio.timeout(60):
        return await stream.read()


@pytest.mark.parametrize("way", [["confirmed", "shipped", "delivered"], ["cancelled"]])
async def test_the_present_state_comes_first_and_every_later_one_until_the_last(
    orders: Orders, people: People, order: order_pb2.Order, way: list[str]
) -> None:
    watches = [watching(orders, who, order.id) for who in (people.owner, people.owner, people.staff)]
    assert [await next_of(watch) for watch in watches] == [order] * 3
    for status in way:
        moved = await move(orders, people.staff, order, status)
        assert [await next_of(watch) for watch in watches] == [moved] * 3
    for watch in watches:
        assert await next_of(watch) is grpc.aio.EOF
        assert await watch.code() is grpc.StatusCode.OK


async def test_who_comes_later_begins_with_the_state_of_that_moment(
    orders: Orders, people: People, order: order_pb2.Order
) -> None:
    confirmed = await move(orders, people.staff, order, "confirmed")
    watch = watching(orders, people.owner, order.id.upper())
    assert await next_of(watch) == confirmed
    watch.cancel()
    shipped = await move(orders, people.staff, order, "shipped")
    again = watching(orders, people.owner, order.id)
    assert await next_of(again) == shipped
    delivered = await move(orders, people.staff, order, "delivered")
    assert [await next_of(again), await next_of(again)] == [delivered, grpc.aio.EOF]


async def test_a_final_status_is_sent_and_ends_the_watch(
    orders: Orders, people: People, order: order_pb2.Order
) -> None:
    cancelled = await move(orders, people.owner, order, "cancelled")
    watch = watching(orders, people.owner, order.id)
    assert [await next_of(watch), await next_of(watch)] == [cancelled, grpc.aio.EOF]


async def test_another_orders_changes_are_not_sent(
    orders: Orders, people: People, order: order_pb2.Order, product: str
) -> None:
    other = await orders.CreateOrder(an_order(product), metadata=people.owner.metadata)
    watch, others = watching(orders, people.owner, order.id), watching(orders, people.owner, other.id)
    assert [await next_of(watch), await next_of(others)] == [order, other]
    assert (await move(orders, people.staff, other, "confirmed")) == await next_of(others)
    confirmed = await move(orders, people.staff, order, "confirmed")
    assert await next_of(watch) == confirmed
    for stream in (watch, others):
        stream.cancel()


async def test_an_order_that_is_none_cannot_be_watched(orders: Orders, people: People) -> None:
    refusal = await refused(watching(orders, people.staff, str(uuid.uuid4())).read())
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    for bad in ("", "o1"):
        refusal = await refused(watching(orders, people.staff, bad).read())
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["id"])
