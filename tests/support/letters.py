"""Dead letters of the stack's own services."""

from __future__ import annotations

from facts.system import system
from services.chassis.bus import dead_letters
from services.chassis.bus.dead_letters import Failure, Reason
from services.chassis.bus.producer import Producer
from services.chassis.bus.raw_batches import Record
from tests.support import bus
from tests.support.real_stack import RealStack
from tests.support.shop import until

_CONFIRMED = ("order-events", "ORDER_STATUS_UPDATED")
EVENTS = {
    "order": ("payment-events", "PAYMENT_CONFIRMED"),
    "payment": _CONFIRMED,
    "inventory": _CONFIRMED,
    "notification": _CONFIRMED,
}
"""Service → topic and type of an event that it handles, of a paid order, whose key is the order's id."""


async def make_dead(
    stack: RealStack, service: str, order_id: str, reason: Reason = Reason.FAILED, *, key: bytes | None = None
) -> str:
    """Make a dead letter of an event of a paid order, under the event's key or another. Returns the letter's id.

    The service has handled the event already, or will: to handle it again changes nothing.
    """
    topic, event_type = EVENTS[service]

    async def look() -> list[bus.Record]:
        found = await bus.records(stack, [topic])
        return [one for one in found if one.key.decode() == order_id and one.header("ce_type") == event_type]

    event, *_ = await until(look, bool, f"{event_type} of the order")
    key = key or event.key
    record = Record(topic, event.partition, event.offset, 0, key, event.value, event.headers)
    failure = Failure(reason, RuntimeError("a fault of the past"), 5, system()[service].group)
    producer = Producer(stack.kafka_bootstrap, "lab")
    await producer.start()
    try:
        await producer.send(dead_letters.letter(record, failure))
    finally:
        await producer.stop()
    letters = await bus.records(stack, [dead_letters.topic_of(topic)])
    newest = max(
        (one for one in letters if one.key == key and one.header("dlq_group") == failure.group),
        key=lambda one: one.offset,
    )
    return f"{topic}.{newest.partition}.{newest.offset}"
