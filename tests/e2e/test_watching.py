"""An order, watched live through the edge while it is bought, moved and called off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest

from argosy.order.v1 import order_pb2, order_pb2_grpc
from tests.contract.support import bearer
from tests.e2e.test_cancelling import move, paid_order
from tests.support.parts import Parts
from tests.support.real_stack import RealStack
from tests.support.shop import DECLINED, PATIENCE_SECONDS, Customer, Json, Shop, answered, insist, refusal

pytestmark = pytest.mark.usefixtures("before")


class Lines:
    """What a watcher reads, line by line."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> Json | None:
        """The next state; None at the end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                found: Json = json.loads(line)
                return found
        return None


@asynccontextmanager
async def watching(who: Customer, order: Json) -> AsyncIterator[Lines]:
    """An open watch. Its status has come, so it is listening."""
    headers = {"Authorization": f"Bearer {who.token}"}
    patient = httpx.Timeout(PATIENCE_SECONDS)
    url = f"/api/v1/orders/{order['id']}:watch"
    async with who.shop.http.stream("GET", url, headers=headers, timeout=patient) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "application/x-ndjson"
        yield Lines(answer)


async def test_a_purchase_is_seen_as_it_happens(customer: Customer, staff: Customer) -> None:
    order = await customer.order()
    async with watching(customer, order) as mine, watching(staff, order) as theirs:
        assert [await mine.next(), await theirs.next()] == [order, order]
        await customer.pay(order)
        confirmed = await mine.next()
        assert confirmed is not None
        assert confirmed == await theirs.next() == order | {"status": "confirmed", "updatedAt": confirmed["updatedAt"]}
        for status in ("shipped", "delivered"):
            moved = answered(await move(staff, order, status), 200)
            assert [await mine.next(), await theirs.next()] == [moved, moved]
        assert [await mine.next(), await theirs.next()] == [None, None]


async def test_a_declined_card_and_a_change_of_mind_are_seen_and_are_the_end(customer: Customer) -> None:
    declined, unwanted = await customer.order(), await customer.order()
    async with watching(customer, declined) as one, watching(customer, unwanted) as other:
        assert [await one.next(), await other.next()] == [declined, unwanted]
        await customer.pay(declined, DECLINED)
        cancelled = answered(await move(customer, unwanted, "cancelled"), 200)
        seen = await one.next()
        assert seen is not None
        assert seen["status"] == "cancelled"
        assert await other.next() == cancelled
        assert [await one.next(), await other.next()] == [None, None]


async def test_by_grpc_through_the_edge(channel: grpc.aio.Channel, customer: Customer) -> None:
    order = await customer.order()
    orders = order_pb2_grpc.OrderServiceStub(channel)
    request = order_pb2.WatchOrderRequest(id=order["id"])
    stream = orders.WatchOrder(request, metadata=bearer(customer.token), timeout=PATIENCE_SECONDS)
    assert (await stream.read()).status == "pending"
    await customer.pay(order)
    assert (await stream.read()).status == "confirmed"
    answered(await move(customer, order, "cancelled"), 200)
    assert (await stream.read()).status == "cancelled"
    assert await stream.read() is grpc.aio.EOF


async def test_nobody_else_may_watch(shop: Shop, customer: Customer, stranger: Customer) -> None:
    order = await customer.order()
    path = f"/orders/{order['id']}:watch"
    error = refusal(await stranger.call("GET", path))
    assert (error.status, error.reason) == (404, "ORDER_NOT_FOUND")
    assert refusal(await shop.call("GET", path)).status == 401
    assert refusal(await shop.call("GET", path, token="nonsense")).status == 401
    error = refusal(await customer.call("GET", "/orders/o-1:watch"))
    assert (error.status, set(error.fields)) == (400, {"id"})
    assert (await customer.get(f"/orders/{order['id']}")) == order


async def test_who_signs_out_sees_nothing_more(shop: Shop) -> None:
    somebody = await shop.register()
    order = await somebody.order()
    again = await somebody.sign_in()
    async with watching(somebody, order) as lines, watching(again, order) as others:
        assert [await lines.next(), await others.next()] == [order, order]
        answered(await somebody.call("POST", "/users/logout", {}), 200)
        assert await lines.next() is None
        answered(await move(again, order, "cancelled"), 200)
        seen = await others.next()
        assert seen is not None
        assert seen["status"] == "cancelled"


async def test_a_service_that_dies_is_connected_to_again(stack: RealStack, customer: Customer, staff: Customer) -> None:
    """kill -9: the watch breaks off, and the next one begins with what happened since."""
    parts = Parts(stack)
    order = await paid_order(customer)
    async with watching(customer, order) as lines:
        assert await lines.next() == order
        killed = await parts.kill("order")
        with contextlib.suppress(httpx.TransportError):  # over REST an end is an end
            assert await lines.next() is None
    await parts.until_back("order", killed)
    shipped = await insist(lambda: move(staff, order, "shipped"), 200)  # the edge finds it again in its own time
    async with watching(customer, order) as lines:
        assert await lines.next() == shipped
        delivered = answered(await move(staff, order, "delivered"), 200)
        assert [await lines.next(), await lines.next()] == [delivered, None]
