"""The Kafka producer: idempotent, acknowledged by all in-sync replicas, with a timeout.

aiokafka's idempotent producer retries a batch without limit, and is unusable after a fatal error. So every send has a
timeout, and a producer is replaced after a timeout or a fatal error. Records in the old producer may still arrive, late
and twice: consumers deduplicate by event id.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Coroutine
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from services.chassis.bus.events import OutgoingRecord
from services.chassis.plain import backoff
from services.chassis.plain.errors import Unavailable
from services.chassis.process.brokers import Brokers, brokers

RETRIES = 8
FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_TRY_SECONDS = 10.0
_SEND_SECONDS = 30.0
_REQUEST_SECONDS = 5.0
_OPEN_SECONDS = 8.0
_CLOSE_SECONDS = 3.0

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_THE_RECORD_ITSELF = (*_TOO_LARGE, InvalidTopicError, TopicAuthorizationFailedError)

_log = structlog.get_logger()


class NotDelivered(Unavailable):
    """Kafka did not acknowledge a record. It may still have been stored."""

    default_message = "the message was not delivered"


class RecordTooLarge(NotDelivered):
    """The record is larger than the producer or the broker accepts. Retries do not help."""

    default_message = "the message is too large for Kafka"


class Sender(Protocol):
    """The producer's interface for relay and consumers."""

    async def send(self, record: OutgoingRecord) -> None:
        """Send a record. Returns when all in-sync replicas have it. Raises NotDelivered or RecordTooLarge."""


class Producer:
    """One idempotent producer per process: a Resource. Add it with `required=False`, because the outbox buffers events.

    Args:
        kafka: the brokers, or their addresses for unencrypted connections.
        client_id: the service's name, shown in the broker's logs.
    """

    name = "kafka"

    def __init__(self, kafka: Brokers | str, client_id: str) -> None:
        self._brokers = brokers(kafka)
        self._client_id = client_id
        self._opening: asyncio.Task[AIOKafkaProducer] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def start(self) -> None:
        """Start to connect in the background. `send` waits for the connection."""
        self._current()

    async def stop(self) -> None:
        """Deliver what was sent, within seconds, and close."""
        self._stopped = True
        opening, self._opening = self._opening, None
        if opening is not None:
            await _close_when_open(opening)
        if self._closing:
            await asyncio.wait(self._closing)

    async def check(self) -> None:
        """Raise NotDelivered unless a broker answers."""
        producer = await self._connected()
        if not await producer.client.force_metadata_update():
            raise NotDelivered("no Kafka broker answers")

    async def send(self, record: OutgoingRecord) -> None:
        """Send one record. Returns when all in-sync replicas have it.

        Sequential sends of one key keep their order. Concurrent sends are batched.

        Raises:
            RecordTooLarge: the broker does not accept a record of this size.
            NotDelivered: not acknowledged within 8 retries and 30 s, or the broker does not accept the record.
        """
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._send_with_retries(record)
        except _TOO_LARGE as error:
            raise RecordTooLarge(f"{record.topic}: {type(error).__name__}") from error
        except (KafkaError, TimeoutError) as error:
            raise NotDelivered(f"{record.topic}: {type(error).__name__}") from error

    async def _send_with_retries(self, record: OutgoingRecord) -> None:
        for pause in itertools.islice(backoff.delays(FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS), RETRIES):
            try:
                return await self._try(record)
            except _THE_RECORD_ITSELF:
                raise
            except (KafkaError, TimeoutError, NotDelivered):
                await asyncio.sleep(pause)
        return await self._try(record)

    async def _try(self, record: OutgoingRecord) -> None:
        opening = self._current()
        producer = await _shared(opening)
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                delivery = await producer.send(
                    record.topic, value=record.value, key=record.key, headers=list(record.headers)
                )
                await delivery
        except _THE_RECORD_ITSELF:
            raise
        except (KafkaError, TimeoutError) as error:
            if not (isinstance(error, KafkaError) and error.retriable):
                self._replace(opening, error)
            raise

    async def _connected(self) -> AIOKafkaProducer:
        return await _shared(self._current())

    def _current(self) -> asyncio.Task[AIOKafkaProducer]:
        """The task that opens the shared producer; starts one if there is none."""
        if self._stopped:
            raise NotDelivered("the producer is closed")
        opening = self._opening
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = self._opening = asyncio.create_task(self._open(), name="kafka-producer")
            opening.add_done_callback(_note_failure)
        return opening

    async def _open(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._brokers.options(),
            client_id=self._client_id,
            enable_idempotence=True,
            acks="all",
            retry_backoff_ms=int(FIRST_PAUSE_SECONDS * 1000),
            request_timeout_ms=int(_REQUEST_SECONDS * 1000),
        )
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await producer.start()
        except BaseException:
            await _close(producer)
            raise
        return producer

    def _replace(self, opening: asyncio.Task[AIOKafkaProducer], error: Exception) -> None:
        """Make the next send open a new producer, unless another send already did."""
        if self._opening is opening:
            self._opening = None
            _log.warning("kafka_producer_replaced", error=type(error).__name__)
            self._close_detached(_close_when_open(opening))

    def _close_detached(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _shared(opening: asyncio.Task[AIOKafkaProducer]) -> AIOKafkaProducer:
    """The opened producer. Cancelling one waiter does not cancel the opening."""
    try:
        return await asyncio.shield(opening)
    except (KafkaError, OSError) as error:
        raise NotDelivered("Kafka is unavailable") from error


def _note_failure(opening: asyncio.Task[AIOKafkaProducer]) -> None:
    """Mark the exception as retrieved: each `send` raises it; asyncio need not warn."""
    if not opening.cancelled():
        opening.exception()


async def _close_when_open(opening: asyncio.Task[AIOKafkaProducer]) -> None:
    if not opening.done():
        opening.cancel()
    with contextlib.suppress(asyncio.CancelledError, KafkaError, OSError):
        await _close(await opening)


async def _close(producer: AIOKafkaProducer) -> None:
    """Deliver what is possible within seconds. Then close the connections, which fails the remaining sends."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await producer.stop()
    except (KafkaError, OSError):
        await producer.client.close()
