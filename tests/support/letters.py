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

TOPICS = {
    "order": "payment-events",
    "payment": "order-events",
    "inventory": "order-events",
    "notification": "order-events",
}
"""Service → a topic that it consumes, whose key is the id of an order."""


async def make_dead(stack: RealStack, service: str, order_id: str, reason: Reason = Reason.FAILED) -> str:
    """Send the first event of an order on the service's topic to its dead letters. Returns the letter's id.

    The service has handled it already, or will: to handle it again changes nothing.
    """
    topic = TOPICS[service]

    async def look() -> list[bus.Record]:
        return [one for one in await bus.records(stack, [topic]) if one.key.decode() == order_id]

    first, *_ = await until(look, bool, f"an event of the order on {topic}")
    record = Record(topic, first.partition, first.offset, 0, first.key, first.value, first.headers)
    failure = Failure(reason, RuntimeError("a fault of the past"), 5, system()[service].group)
    producer = Producer(stack.kafka_bootstrap, "lab")
    await producer.start()
    try:
        await producer.send(dead_letters.letter(record, failure))
    finally:
        await producer.stop()
    letters = await bus.records(stack, [dead_letters.topic_of(topic)])
    newest = max(
        (one for one in letters if one.key == first.key and one.header("dlq_group") == failure.group),
        key=lambda one: one.offset,
    )
    return f"{topic}.{newest.partition}.{newest.offset}"
