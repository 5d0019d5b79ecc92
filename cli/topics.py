"""What lies on a topic, read without a group: nobody else misses anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from cli.environment import NoSystem
from services.chassis.brokers import Brokers

_READ_MS = 500
_REQUEST_MS = 10_000


async def records(brokers: Brokers, topics: Sequence[str], *, from_beginning: bool, follow: bool) -> AsyncIterator[Any]:
    """aiokafka's records of the topics, in order within each partition: up to where they end now, or for ever.

    Raises NoSystem when Kafka is away, or has no such topic.
    """
    places = await _places(brokers, topics)
    async with _reader(brokers, from_beginning=from_beginning) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while follow or any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, batch in (await consumer.getmany(timeout_ms=_READ_MS)).items():
                for record in batch:
                    if follow or record.offset < ends[place]:
                        yield record


@asynccontextmanager
async def _reader(brokers: Brokers, *, from_beginning: bool) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **brokers.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest" if from_beginning else "latest",
        request_timeout_ms=_REQUEST_MS,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def administering(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that asks the brokers about themselves. Raises NoSystem when they are away."""
    admin = AIOKafkaAdminClient(**brokers.options(), request_timeout_ms=_REQUEST_MS)
    try:
        await admin.start()
        yield admin
    except KafkaConnectionError as error:
        raise NoSystem(f"Kafka at {brokers.addresses} does not answer: is the system up? (`make status`)") from error
    finally:
        await admin.close()


async def _places(brokers: Brokers, topics: Sequence[str]) -> list[TopicPartition]:
    async with administering(brokers) as admin:
        known = await admin.list_topics()
        for topic in topics:
            if topic not in known:
                raise NoSystem(f"there is no topic {topic}: choose one of {', '.join(sorted(known))}")
        described = await admin.describe_topics(list(topics))
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]
