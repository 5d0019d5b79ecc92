"""One session of a Kafka consumer: from joining its group to the first error.

Assigned partitions are processed concurrently, each in order (partition.py). Offsets are committed shortly after the
messages were handled. On a rebalance and at the end, the current messages are finished and committed first. A partition
without a committed offset, or with one that the broker has deleted, is read from `since`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from services.chassis.bus import reading
from services.chassis.bus.consumer_lag import LOOK_EVERY_SECONDS
from services.chassis.bus.partition import Partition, Process
from services.chassis.bus.reading import BEGINNING, FETCH_BYTES, Reading
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.chassis.process.brokers import Brokers

JOIN_SECONDS = 30.0
COMMIT_EVERY_SECONDS = 0.5
STALLED_AFTER_SECONDS = 30.0
_FINISH_SECONDS = 5.0
_LAST_COMMIT_SECONDS = 2.0
_LEAVE_SECONDS = 2.0
_SESSION_SECONDS = 6.0
_REQUEST_SECONDS = 20.0  # longer than a rebalance, because joining is one request
_FETCH_SECONDS = 3.0
"""How long the broker holds a fetch, and the requests behind it, while there are no messages. A resumed partition, and
one that was just assigned, may have to wait as long."""
_CHECK_SECONDS = 1.0
_LOOK_SECONDS = 10.0
_MOST_WAITING = 500
_FEW_WAITING = 300
"""Enough work for the time that a resumed partition has to wait."""

_log = structlog.get_logger()


class Stalled(Exception):
    """The broker has messages and this consumer is ready, but none arrives; or the broker has not answered."""


class ConsumerSession(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs once; a new session needs a new object.

    Args:
        since: where a partition without a committed offset begins.
        process: handles one record.
        on_lag: called every few seconds with the number of unhandled messages of each partition.
        on_progress: called whenever the consumer is known to make progress.
    """

    def __init__(
        self,
        kafka: Brokers,
        group: str,
        topics: Collection[str],
        since: datetime,
        process: Process,
        on_lag: Callable[[Mapping[TopicPartition, int]], None],
        on_progress: Callable[[], None],
    ) -> None:
        self._brokers = kafka
        self._group = group
        self._topics = topics
        self._since = since
        self._process = process
        self._on_lag = on_lag
        self._on_progress = on_progress
        self._consumer = self._new_consumer()
        self._reading = Reading(self._consumer, self._place)
        self._partitions: dict[TopicPartition, Partition] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handled = asyncio.Event()
        self._moved_at = 0.0
        self._positions: dict[TopicPartition, int] = {}

    async def run(self) -> None:
        """Consume until cancelled, or until an error, which is raised."""
        self._consumer.subscribe(topics=sorted(self._topics), listener=self)
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await self._consumer.start()
            _log.info("consumer_joined", group=self._group)
            await self._consume()
        finally:
            await self._end()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish and commit before another member gets the partitions."""
        await self._release()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to prepare: a partition's task starts with its first message."""
        self._moved_at = asyncio.get_running_loop().time()

    async def _consume(self) -> None:
        loops = [asyncio.create_task(work()) for work in (self._fetch, self._commit_regularly, self._watch)]
        try:
            done, _ = await asyncio.wait({*loops, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def _fetch(self) -> None:
        while True:
            try:
                fetched = await self._reading.read(timeout_ms=_milliseconds(_CHECK_SECONDS), most=_MOST_WAITING)
            except NoOffsetForPartitionError as error:
                await self._begin(error.args[0])
                continue
            except OffsetOutOfRangeError as error:
                for place, offset in error.args[0].items():
                    _log.error("committed_offset_gone", **_labels(place), group=self._group, offset=offset)
                    await self._begin(place)
                continue
            for place, records in fetched.items():
                partition = self._partitions.get(place)
                if partition is None:
                    partition = self._partitions[place] = Partition(self._handle, self._fail)
                partition.add(records)
            self._slow_down()

    async def _begin(self, place: TopicPartition) -> None:
        """Read a partition from `since`."""
        assignments = self._reading.assignments
        offset = await self._first_offset(place)
        if assignments == self._reading.assignments:
            self._reading.seek(place, offset)
            since = "the beginning" if self._since == BEGINNING else clock.to_text(self._since)
            _log.info("consumer_begins", **_labels(place), group=self._group, offset=offset, since=since)

    async def _place(self, place: TopicPartition) -> int:
        """The group's offset in a partition of which nothing was read yet."""
        committed: int | None = await self._consumer.committed(place)
        return await self._first_offset(place) if committed is None else committed

    async def _first_offset(self, place: TopicPartition) -> int:
        return (await reading.offsets_since(self._consumer, await self._consumer.end_offsets([place]), self._since))[
            place
        ]

    def _slow_down(self) -> None:
        """Pause fetching for partitions with a long queue; resume those with a short one.

        Pauses late: a resumed partition has to wait for the fetch in flight, which does not include it.
        """
        paused = self._consumer.paused()
        for place, partition in self._partitions.items():
            if place not in paused and len(partition) > _MOST_WAITING:
                self._consumer.pause(place)
            elif place in paused and len(partition) < _FEW_WAITING:
                self._consumer.resume(place)

    async def _handle(self, record: Any, stopping: asyncio.Event) -> None:
        await self._process(record, stopping)
        self._handled.set()

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    async def _commit_regularly(self) -> None:
        while True:
            await self._handled.wait()
            self._handled.clear()
            await asyncio.sleep(COMMIT_EVERY_SECONDS)
            await self._commit()

    async def _commit(self) -> None:
        """Commit the offset of each partition. If the group has rebalanced, another member handles the rest again."""
        settled = {
            place: partition.next_offset
            for place, partition in self._partitions.items()
            if partition.next_offset is not None and partition.next_offset != self._committed.get(place)
        }
        if not settled:
            return
        reach("consumer.before_offset_commit")
        try:
            await self._consumer.commit(settled)
        except (CommitFailedError, IllegalStateError) as error:
            _log.info("commit_not_ours", group=self._group, error=type(error).__name__)
        reach("consumer.offset_committed")
        self._committed.update(settled)

    async def _release(self) -> None:
        """Finish the current messages, commit, and drop all partitions."""
        self._reading.forget()
        partitions = list(self._partitions.values())
        await asyncio.gather(*(partition.stop(_FINISH_SECONDS) for partition in partitions))
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_LAST_COMMIT_SECONDS):
                await self._commit()
        self._partitions.clear()
        self._committed.clear()
        self._positions.clear()

    async def _end(self) -> None:
        await self._release()
        if self._failure.done() and not self._failure.cancelled():
            self._failure.exception()  # marks the exception as retrieved
        leaving = asyncio.create_task(_leave(self._consumer))
        _closing.add(leaving)
        leaving.add_done_callback(_closing.discard)
        await asyncio.wait({leaving}, timeout=_LEAVE_SECONDS)

    async def _watch(self) -> None:
        """Measure the lag. Raise Stalled if messages wait at the broker although this consumer is ready for them.

        aiokafka sometimes stops fetching after a restart of the broker.
        """
        loop = asyncio.get_running_loop()
        self._moved_at = loop.time()
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            try:
                moving = await self._look()
            except (KafkaError, TimeoutError):
                self._on_progress()  # the broker is unavailable: a restart would not help
                moving = False
            else:
                if moving:
                    self._on_progress()
            if moving:
                self._moved_at = loop.time()
            elif loop.time() - self._moved_at > STALLED_AFTER_SECONDS:
                raise Stalled(f"nothing has arrived for {STALLED_AFTER_SECONDS:.0f} s")

    async def _look(self) -> bool:
        """Whether every partition is at its end, moving, or busy."""
        places = self._consumer.assignment()
        async with asyncio.timeout(_LOOK_SECONDS):
            ends = await self._consumer.end_offsets(places) if places else {}
            positions = {place: await self._consumer.position(place) for place in places}
        well, behind = True, {}
        for place, end in ends.items():
            partition = self._partitions.get(place)
            waiting = len(partition) if partition else 0
            behind[place] = max(0, end - positions[place]) + waiting
            # Past the end and not moving: the topic was recreated and aiokafka does not notice. Rejoining does.
            arrived = positions[place] == end or positions[place] != self._positions.get(place)
            well = well and (arrived or waiting > 0)
        self._positions = positions
        self._on_lag(behind)
        return well

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._brokers.options(),
            client_id=self._group,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=_milliseconds(_FETCH_SECONDS),
            consumer_timeout_ms=_milliseconds(_CHECK_SECONDS),
            session_timeout_ms=_milliseconds(_SESSION_SECONDS),
            heartbeat_interval_ms=_milliseconds(_SESSION_SECONDS / 3),
            rebalance_timeout_ms=_milliseconds(2 * (_FINISH_SECONDS + _LAST_COMMIT_SECONDS)),
            request_timeout_ms=_milliseconds(_REQUEST_SECONDS),
        )


_closing: set[asyncio.Task[None]] = set()
"""Consumers that are closing. If one were cancelled, it would stay in its group for ever."""


async def _leave(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError):
        await consumer.stop()


def _labels(place: TopicPartition) -> Mapping[str, str | int]:
    return {"topic": place.topic, "partition": place.partition}


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
