"""Reads a whole topic in every replica, without a consumer group and without committing offsets.

Use it for what every replica must know (revoked sessions, changed orders). If replicas share the work, and each event
is handled once, use a consumer (consumer.py).

A record that cannot be decoded, or on which the callback fails, is skipped, counted and logged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import Counter

from services.chassis.bus import reading
from services.chassis.bus.raw_batches import Undecodable
from services.chassis.bus.reading import Reading
from services.chassis.plain import backoff, cancellation, logs
from services.chassis.process.brokers import Brokers
from services.chassis.process.metrics import show_from_the_start

_LOOK_EVERY_SECONDS = 10.0
_LOOK_AT_MOST_SECONDS = 10.0
_STALLED_AFTER_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_REQUEST_MS = 10_000
_FETCH_MS = 5_000
"""How long the broker holds a fetch, and the requests behind it, while there are no records. Each costs the broker and
this process about a millisecond."""
_READ_MS = 2_000

_stepped_over = Counter("argosy_tail_unreadable_total", "Records that a tail could not read and skipped.", ["topic"])

_log = structlog.get_logger()


class CannotFollow(Exception):
    """Kafka answers, but the topic is not there, or its records do not arrive."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The ends of the partitions at a time."""

    asked_at: float
    """Unix time."""
    ends: Mapping[TopicPartition, int]


def _nothing() -> None:
    """Default: no callback."""


class Tail:
    """The reader of one topic in one process.

    Args:
        kafka: the brokers.
        topic: the topic to read.
        handle: called with every record, in order per partition. Raises for a record that it cannot read.
        up_to_date: called every few seconds with the Unix time up to which all records have been read.
        back_seconds: how far back it starts; after a lost connection it resumes. None: it starts at the end, also after
            a lost connection.
        missed: called if records may have been missed: at each start at the end, and after a skipped record.
    """

    def __init__(
        self,
        kafka: Brokers,
        topic: str,
        handle: Callable[[Any], None],
        *,
        up_to_date: Callable[[float], None],
        back_seconds: float | None = None,
        missed: Callable[[], None] = _nothing,
    ) -> None:
        self.reading = False
        """Whether it has found its offsets and receives new records."""
        self._brokers = kafka
        self._topic = topic
        self._handle = handle
        self._up_to_date = up_to_date
        self._back_seconds = back_seconds
        self._missed = missed
        self._positions: dict[TopicPartition, int] = {}
        show_from_the_start(_stepped_over, [topic])

    async def run(self) -> None:
        """Read until cancelled. Errors are logged, and it reconnects with backoff."""
        waits, last_logged = backoff.delays(0.2, 5.0), ("", False)
        while True:
            try:
                await self._follow()
            except (Exception, asyncio.CancelledError) as error:
                if cancellation.is_own():
                    raise
                state = (logs.error_text(error), logs.absence_is_expected())
                if self.reading or state != last_logged:  # log changes only, not every attempt
                    logs.absence("tail_joins_again", topic=self._topic, error=state[0])
                last_logged = state
            if self.reading:
                self.reading = False
                waits = backoff.delays(0.2, 5.0)
            await asyncio.sleep(next(waits))

    async def _follow(self) -> None:
        """Read until an error, which is raised."""
        consumer = AIOKafkaConsumer(
            **self._brokers.options(),
            client_id=f"tail-{self._topic}",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_REQUEST_MS,
            fetch_max_wait_ms=_FETCH_MS,
            consumer_timeout_ms=_READ_MS,
        )
        reading.learn_partitions(consumer, [self._topic])
        read = Reading(consumer, self._position)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await consumer.start()
                goal = await self._find_place(consumer, read)
            self.reading = True
            self._missed()
            await self._read(consumer, read, goal)
        finally:
            await reading.close(consumer)

    async def _position(self, place: TopicPartition) -> int:
        return self._positions[place]

    async def _find_place(self, consumer: AIOKafkaConsumer, read: Reading) -> Goal:
        """Go to where it starts. Returns the ends of the topic: it is up to date once it has read up to them."""
        places = reading.partitions_of(consumer, [self._topic])
        if not places:
            raise CannotFollow(f"there is no topic {self._topic}")
        consumer.assign(places)
        asked_at = time.time()
        # Fetch the ends first: records that arrive in between come after them and are read.
        ends = await consumer.end_offsets(places)
        begins = ends
        if self._back_seconds is not None:
            since = datetime.fromtimestamp(time.time() - self._back_seconds, UTC)
            begins = await reading.offsets_since(consumer, ends, since)
        for place in places:
            known, begin = self._positions.get(place), begins[place]
            self._positions[place] = known if known is not None and begin <= known <= ends[place] else begin
            read.seek(place, self._positions[place])
        return Goal(asked_at, ends)

    async def _read(self, consumer: AIOKafkaConsumer, read: Reading, goal: Goal) -> None:
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        look_at = moved_at + _LOOK_EVERY_SECONDS
        # Without asking again: the broker answers behind the fetch, which it holds.
        is_reached = self._report_if_reached(goal)
        while True:
            batches = await read.read(timeout_ms=_READ_MS)
            for place, records in batches.items():
                for record in records:
                    self._deliver_or_skip(record)
                self._positions[place] = records[-1].offset + 1
            if batches:
                moved_at = loop.time()
                is_reached = is_reached or self._report_if_reached(goal)
            if loop.time() >= look_at:
                if await self._look(consumer):
                    moved_at = loop.time()
                elif loop.time() - moved_at > _STALLED_AFTER_SECONDS:
                    raise CannotFollow(f"nothing has arrived for {_STALLED_AFTER_SECONDS:.0f} s")
                look_at = loop.time() + _LOOK_EVERY_SECONDS

    def _report_if_reached(self, goal: Goal) -> bool:
        reached = all(self._positions[place] >= end for place, end in goal.ends.items())
        if reached:
            self._up_to_date(goal.asked_at)
        return reached

    def _deliver_or_skip(self, record: Any) -> None:
        try:
            if isinstance(record, Undecodable):
                raise record.error
            self._handle(record)
        except Exception as error:
            _stepped_over.labels(self._topic).inc()
            where = {"topic": self._topic, "partition": record.partition, "offset": record.offset}
            _log.error("record_stepped_over", **where, error=logs.error_text(error))
            self._missed()

    async def _look(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether all records of the broker were read."""
        asked_at = time.time()
        places = consumer.assignment()
        if consumer.partitions_for_topic(self._topic) != {place.partition for place in places}:
            raise CannotFollow(f"{self._topic} has other partitions now")
        async with asyncio.timeout(_LOOK_AT_MOST_SECONDS):
            ends = await consumer.end_offsets(list(places))
            for place in places:
                if await consumer.position(place) != ends[place]:  # past it: the topic was recreated
                    return False
        self._up_to_date(asked_at)
        return True
