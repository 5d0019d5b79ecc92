"""Real parts for the chassis' data half: a migrated database, a producer, topics of their own, a broker to hurt."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.chassis.bus.producer import Producer
from services.chassis.data.postgres import Postgres
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.chassis.data.lab_events import Lab, lab_events
from tests.support.real_stack import stack_of_this_run

BROKER_OFFSET = 500
"""Ports of the broker that tests may hurt, above those of the run."""


@pytest.fixture(scope="module")
async def postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """A pool on a database of this module's own, with the chassis' tables and one for effects."""
    own = tmp_path_factory.mktemp("migrations")
    (own / "0001.lab.effects.sql").write_text(
        "CREATE TABLE effects (at bigserial PRIMARY KEY, key text NOT NULL, number int NOT NULL, event_id uuid);"
        "CREATE TABLE aggregates (key text PRIMARY KEY, number int NOT NULL DEFAULT 0);"
    )
    pool = Postgres(postgres_url, "lab", own)
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture(scope="module")
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """A producer on the shared broker."""
    one = Producer(kafka_bootstrap, "lab")
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def lab(kafka_bootstrap: str) -> Lab:
    """A topic of two partitions and its dead letters, with two event types that travel there, for one test alone."""
    topic = f"lab-{uuid.uuid4().hex}"
    await create(kafka_bootstrap, topic)
    return lab_events(topic)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own, running; to be stopped, frozen and killed."""
    own = Broker(tmp_path, stack_of_this_run().offset + BROKER_OFFSET)
    own.start()
    try:
        yield own
    finally:
        own.kill()


async def create(bootstrap: str, topic: str, partitions: int = 2) -> None:
    """Make a topic and its dead letters, as soon as the broker can."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    async with asyncio.timeout(30):
        await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in (topic, f"{topic}.dlq")])
        assert all(code == 0 for _, code, _ in answer.topic_errors), answer
    finally:
        await admin.close()
