"""The broker as the commands are told of it, and a producer there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from services.chassis.bus.producer import Producer


@pytest.fixture
def bus(kafka_bootstrap: str) -> Mapping[str, str]:
    """The environment of a command that reads the broker."""
    return {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """A producer of no service."""
    producer = Producer(kafka_bootstrap, "lab")
    await producer.start()
    yield producer
    await producer.stop()
