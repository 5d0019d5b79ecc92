"""What is on Kafka, from the beginning, read as any outsider would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from facts.system import system
from local.kafka.declarations import declared
from tests.support.real_stack import RealStack

TOPICS = system().topics
DEAD_LETTERS = tuple(f"{topic}.dlq" for topic in TOPICS)
_READ_MS = 1000


@dataclass(frozen=True)
class Record:
    """One record, as it lies there."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str:
        """A header's text; "" when there is none of this name."""
        return next((value.decode(errors="replace") for found, value in self.headers if found == name), "")


async def records(stack: RealStack, topics: Iterable[str] = TOPICS) -> list[Record]:
    """Everything on the topics, by topic, partition and offset."""
    wanted = set(topics)
    places = [
        TopicPartition(topic.name, number)
        for topic in declared()
        if topic.name in wanted
        for number in range(topic.partitions)
    ]
    # By its setting: a seek would race with the client's own look for where to begin.
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka_bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[Record] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=_READ_MS)).values():
                found += [
                    Record(one.topic, one.partition, one.offset, one.key or b"", one.value or b"", tuple(one.headers))
                    for one in batch
                ]
        return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))
    finally:
        await consumer.stop()
