"""What inventory does about confirmed orders, by its consumer's own handlers: a refusal is no broken message."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from argosy.event.v1.inventory_events_pb2 import StockLine, StockShort
from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis.bus.events import Event
from services.chassis.plain import clock
from services.inventory.domain.reservations import Line
from tests.integration.inventory.lab import Inventory


def status_updated(order_id: UUID, status: str) -> Event:
    """The event that an order has come to a state."""
    message = OrderStatusUpdated(order_id=str(order_id), user_id=str(uuid4()), status=status)
    return Event(
        id=uuid4(),
        type="ORDER_STATUS_UPDATED",
        time=clock.now(),
        source="/argosy/order",
        subject=str(order_id),
        key=str(order_id),
        sequence=2,
        message=message,
        traceparent="",
        topic="order-events",
        partition=0,
        offset=0,
    )


async def hear(inventory: Inventory, *events: Event) -> None:
    """Let the consumer's handler take effect of events. Fails when it fails, as it would become a dead letter then."""
    for event in events:
        await inventory.consume(event)


async def expired(inventory: Inventory, quantity: int) -> UUID:
    """An order whose hold was let go, as earlier versions did by time alone; its id."""
    order_id = uuid4()
    await inventory.reserve(order_id, Line("bell", quantity))
    await inventory.end_hold(order_id)
    await inventory.expire()
    return order_id


def refused(why: str) -> float:
    return REGISTRY.get_sample_value("argosy_inventory_sales_refused_total", {"why": why}) or 0


async def shorts(inventory: Inventory) -> list[StockShort]:
    """The StockShort events, in order."""
    rows = await inventory.postgres.fetch(
        "SELECT key, topic, value FROM outbox WHERE type = 'STOCK_SHORT' ORDER BY position"
    )
    events = [StockShort.FromString(row["value"]) for row in rows]
    assert [(row["topic"], row["key"]) for row in rows] == [("inventory-events", one.order_id) for one in events]
    return events


async def test_what_is_held_is_sold_once(inventory: Inventory) -> None:
    order_id = uuid4()
    await inventory.reserve(order_id, Line("bell", 3))
    event = status_updated(order_id, "confirmed")
    await hear(inventory, event, event)
    assert await inventory.stock("bell") == (7, 0)
    assert await shorts(inventory) == []


async def test_an_expired_hold_is_taken_anew_while_there_is_stock(inventory: Inventory) -> None:
    order_id = await expired(inventory, 5)
    await hear(inventory, status_updated(order_id, "confirmed"))
    assert await inventory.reservation(order_id) == ("committed", None)
    assert await inventory.stock("bell") == (5, 0)
    assert await shorts(inventory) == []


async def test_short_stock_is_published_once_and_changes_nothing_else(inventory: Inventory) -> None:
    order_id = await expired(inventory, 5)
    await inventory.reserve(uuid4(), Line("bell", 6))
    moves, before = await inventory.moves("bell"), refused("short")
    event = status_updated(order_id, "confirmed")

    await asyncio.gather(*(hear(inventory, event) for _ in range(4)))

    assert await shorts(inventory) == [
        StockShort(order_id=str(order_id), items=[StockLine(product_id="bell", quantity=5)])
    ]
    assert await inventory.stock("bell") == (10, 6)
    assert await inventory.moves("bell") == moves
    assert refused("short") == before + 1

    await hear(inventory, status_updated(order_id, "cancelled"))
    assert await inventory.reservation(order_id) == ("released", "cancelled")
    assert await inventory.stock("bell") == (10, 6)


async def test_any_number_of_orders_whose_stock_is_short_are_outcomes(inventory: Inventory) -> None:
    """Ten letters in a row would stop the consumer."""
    orders = [await expired(inventory, 1) for _ in range(12)]
    await inventory.adjust("bell", -10)
    await hear(inventory, *(status_updated(order_id, "confirmed") for order_id in orders))
    assert [one.order_id for one in await shorts(inventory)] == [str(order_id) for order_id in orders]


@pytest.mark.parametrize("had", ["nothing", "a hold", "a hold that had ended"])
async def test_the_confirmation_of_an_order_that_was_cancelled_meanwhile_sells_nothing(
    inventory: Inventory, had: str
) -> None:
    """The look at ended holds may learn that an order was cancelled before its events have come."""
    order_id = uuid4()
    if had != "nothing":
        await inventory.reserve(order_id, Line("bell", 1))
    if had == "a hold that had ended":
        await inventory.end_hold(order_id)
        await inventory.expire()
    await inventory.release(order_id)
    before = refused("ended")

    await hear(inventory, status_updated(order_id, "confirmed"), status_updated(order_id, "cancelled"))

    assert refused("ended") == before + 1
    assert await inventory.stock("bell") == (10, 0)
    assert await shorts(inventory) == []


async def test_the_confirmation_of_an_order_without_a_reservation_is_counted(inventory: Inventory) -> None:
    before = refused("unknown")
    await hear(inventory, status_updated(uuid4(), "confirmed"))
    assert refused("unknown") == before + 1
    assert await inventory.published() == {}
