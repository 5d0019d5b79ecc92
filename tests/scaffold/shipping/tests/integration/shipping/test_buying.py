"""An order bought at the edge is shipped and its shipment shown there; one from before the service existed is not."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis.bus.events import encode, source_of
from services.chassis.plain import clock
from tests.support import bus
from tests.support.argosy import argosy
from tests.support.raw_records import Raw, batch, produce
from tests.support.real_stack import RealStack
from tests.support.shop import Shop, until


@pytest.fixture(scope="session")  # as `stack`: so it comes first where it is asked for first
async def of_old(real_stack: RealStack) -> str:
    """An order that was confirmed 29 days before anything but the bus runs."""
    real_stack.up("topics")
    order_id, user_id = str(uuid.uuid4()), str(uuid.uuid4())
    event = OrderStatusUpdated(order_id=order_id, user_id=user_id, status="confirmed", previous_status="pending")
    at = clock.now() - timedelta(days=29)
    source = source_of("order")
    record = encode(event, id=uuid.uuid4(), source=source, subject=order_id, key=order_id, time=at)
    raw = Raw(record.key, record.value, record.headers, int(at.timestamp() * 1000))
    await produce(real_stack.kafka_bootstrap, "order-events", batch([raw]), 0)
    return order_id


async def test_an_order_that_is_bought_is_shipped_and_one_of_old_is_not(of_old: str, stack: RealStack) -> None:
    async with Shop(stack) as shop:
        customer, stranger = await shop.register(), await shop.register()
        order = await customer.order()
        assert (await customer.call("GET", f"/shipments/{order['id']}")).status_code == 404
        await customer.pay(order)

        async def shipment() -> Any:
            return await customer.call("GET", f"/shipments/{order['id']}")

        found = await until(shipment, lambda answer: answer.status_code == 200, "the shipment")
        assert found.json()["id"] == order["id"]
        assert (await stranger.call("GET", f"/shipments/{order['id']}")).status_code == 404

        async def story() -> set[str]:
            environment = stack.stack.environment
            shown = await argosy("story", order["id"], "--json", environment=environment)
            return {row["kind"] for row in shown.rows if row["service"] == "shipping"}

        await until(story, lambda kinds: {"handled", "event"} <= kinds, "shipping's part of the order's story")
    published = [record.key.decode() for record in await bus.records(stack, ["shipping-events"])]
    assert published == [order["id"]]
