"""Watches the bus: each event as it is published, without a consumer group."""

from __future__ import annotations

from dataclasses import asdict

from cli.environment import kafka
from cli.tail import event_row
from cli.topics import records
from facts.system import system
from playground import sparks
from playground.orders import Orders
from playground.stream import Stream
from services.chassis.bus.dead_letters import SUFFIX
from services.chassis.bus.events import Registry

_ORDERS = "order-events"


async def watch_bus(stream: Stream, orders: Orders) -> None:
    """Publish every record of the event topics and their dead letter topics. Raises what Kafka's client raises."""
    registry = Registry.of_package()
    topics = [name for topic in system().topics for name in (topic, topic + SUFFIX)]
    async for record in records(kafka(), topics, from_beginning=False, follow=True):
        row = event_row(record, registry, reveal=False)
        shown = {name: row.get(name) for name in ("time", "topic", "type", "key", "source", "unreadable")}
        stream.publish("event", shown)
        for spark in sparks.of_event(row):
            stream.publish("spark", asdict(spark))
        if row["topic"] == _ORDERS and "data" in row:
            orders.seen(row["key"], status_in(row["type"], row["data"]))


def status_in(kind: str, data: dict[str, object]) -> str:
    """The status of an order after an event of its topic."""
    return "pending" if kind == "ORDER_CREATED" else str(data.get("status", data.get("newStatus", "")))
