"""Reads a topic without a consumer group, so that no consumer misses a message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from cli import audit
from cli.environment import NoSystem
from services.chassis.bus import reading
from services.chassis.process.brokers import Brokers

_REQUEST_MS = 10_000


async def records(brokers: Brokers, topics: Sequence[str], *, from_beginning: bool, follow: bool) -> AsyncIterator[Any]:
    """The records of the topics, in order within each partition: to their current end, or endlessly if `follow`.

    A record that cannot be decoded is yielded as `raw_batches.Undecodable`. Raises NoSystem if Kafka is unreachable or
    has no such topic.
    """
    audit.begin()  # records that cannot be decoded are logged
    places = await _places(brokers, topics)
    async with _started(brokers) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places) if from_beginning else ends
        async for record in reading.records(consumer, begins, ends, follow=follow):
            yield record


@asynccontextmanager
async def _started(brokers: Brokers) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **brokers.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # if retention deleted a record meanwhile
        request_timeout_ms=_REQUEST_MS,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def administering(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client. Raises NoSystem if the brokers are unreachable."""
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
