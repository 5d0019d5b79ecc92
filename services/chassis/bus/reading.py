"""Reads partitions and skips what aiokafka cannot decode. Consumers, tails and the CLI `argosy` use it.

If aiokafka cannot decode one record, `getmany` fails at every call and loses the records of other partitions. So this
module keeps the offset of every partition itself. After such a failure it sends its own fetch request, decodes the
response record by record (raw_batches.py), and seeks aiokafka past it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, UnsupportedCodecError, for_code
from aiokafka.protocol.fetch import FetchRequest

from services.chassis.bus import raw_batches
from services.chassis.bus.raw_batches import Undecodable
from services.chassis.plain import logs

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Since the oldest record of the topic."""
FETCH_BYTES = 256 * 1024
"""The maximum number of bytes per partition and fetch; at least one batch."""
_WAIT_MS = 100
_READ_MS = 500
_CLOSE_SECONDS = 3.0
_TRIES = 3
_TRY_AGAIN_SECONDS = 0.5
_OF_THE_RECORDS = (CorruptRecordException, UnsupportedCodecError, RecordTooLargeError)

_log = structlog.get_logger()

Batches = Mapping[TopicPartition, Sequence[Any]]
"""Partition → its records: aiokafka's, or those of raw_batches."""


async def offsets_since(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], since: datetime
) -> Mapping[TopicPartition, int]:
    """The first offset of each partition whose record is not older than `since`; without one, the given end.

    Fetch the ends before the call: records that arrive in between come after them.
    """
    if since == BEGINNING:
        begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(list(ends))
        return begins
    found = await consumer.offsets_for_times(dict.fromkeys(ends, int(since.timestamp() * 1000)))
    firsts = {place: found.get(place) for place in ends}
    return {place: ends[place] if first is None else first.offset for place, first in firsts.items()}


def learn_partitions(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> None:
    """Have a consumer without a subscription fetch the metadata of these topics at its start."""
    anywhere = [TopicPartition(topic, 0) for topic in topics]
    consumer.assign(anywhere)
    consumer.pause(*anywhere)  # a fetch would hold up the requests that follow


def partitions_of(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    """All partitions of topics that a started consumer has the metadata of. A topic that does not exist has none."""
    return [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]


async def records(
    consumer: AIOKafkaConsumer,
    begins: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    *,
    follow: bool = False,
) -> AsyncIterator[Any]:
    """The records of the assigned partitions between two offsets of each, in order within each; endlessly if `follow`.

    Undecodable stands for a record that cannot be decoded.
    """

    async def begin(place: TopicPartition) -> int:
        return begins[place]

    read = Reading(consumer, begin)
    for place in begins:
        read.seek(place, begins[place])
    while follow or any([await consumer.position(place) < end for place, end in ends.items()]):
        for place, batch in (await read.read(_READ_MS)).items():
            for record in batch:
                if follow or record.offset < ends[place]:
                    yield record


async def close(consumer: AIOKafkaConsumer) -> None:
    """Close a consumer in its own task, so that its cancellations do not mix with those of this task."""
    closing = asyncio.create_task(_stop(consumer))
    _closings.add(closing)
    closing.add_done_callback(_closings.discard)
    await asyncio.wait({closing}, timeout=_CLOSE_SECONDS)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        await consumer.stop()
    except (KafkaError, OSError, asyncio.CancelledError):
        # After a failed fetch, `stop` raises before it closes the connections.
        await consumer._client.close()


_closings: set[asyncio.Task[None]] = set()
"""Consumers that are closing."""


class Reading:
    """Reads from one consumer.

    Args:
        consumer: started, with its partitions assigned or subscribed. No other code reads from it.
        begin: the first offset to read of a partition. Called only after a decoding failure.
    """

    def __init__(self, consumer: AIOKafkaConsumer, begin: Callable[[TopicPartition], Awaitable[int]]) -> None:
        self._consumer = consumer
        self._begin = begin
        self._next: dict[TopicPartition, int] = {}
        self.assignments = 0
        """Incremented by `forget`. Code that awaits compares it to detect a rebalance."""

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Continue at this offset."""
        self._consumer.seek(place, offset)
        self._next[place] = offset

    def forget(self) -> None:
        """Drop all offsets: the consumer's partitions have changed."""
        self.assignments += 1
        self._next.clear()

    async def read(self, timeout_ms: int, most: int | None = None) -> Batches:
        """The records that have arrived, by partition, in order. Raises KafkaError, but never because of a record."""
        try:
            found: Batches = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=most)
        except KafkaError as error:
            if not isinstance(error, _OF_THE_RECORDS):
                raise
            found = await self._read_by_hand(error)
        except Exception as error:  # decompressors raise various exceptions
            found = await self._read_by_hand(error)
        for place, records in found.items():
            self._next[place] = records[-1].offset + 1
        return found

    async def _read_by_hand(self, error: Exception) -> Batches:
        """Fetch and decode from our own offsets. Raises `error` if that makes no progress."""
        _log.warning("fetch_not_decoded", error=logs.error_text(error))
        assignments, found, moved = self.assignments, {}, False
        for place in self._consumer.assignment() - self._consumer.paused():
            begin = self._next[place] if place in self._next else await self._begin(place)
            records, next_offset = await self._fetch(place, begin)
            if assignments != self.assignments or self._consumer._subscription.reassignment_in_progress:
                return {}  # another member's by now
            self.seek(place, next_offset)
            moved = moved or next_offset > begin
            if records:
                found[place] = records
        if not moved:
            raise error
        return found

    async def _fetch(self, place: TopicPartition, offset: int) -> tuple[Sequence[raw_batches.Record], int]:
        """Fetch and decode. Retries if something cannot be decoded, because it may have been damaged in transit."""
        records, next_offset = raw_batches.decode(place, await self._bytes(place, offset), offset)
        for _ in range(_TRIES - 1):
            if not any(isinstance(record, Undecodable) for record in records):
                break
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
            records, next_offset = raw_batches.decode(place, await self._bytes(place, offset), offset)
        return records, next_offset

    async def _bytes(self, place: TopicPartition, offset: int) -> bytes:
        """The broker's response. Empty if it refuses: aiokafka's own fetch then handles the error."""
        client = self._consumer._client
        leader = client.cluster.leader_for_partition(place)
        if leader in (None, -1):
            return b""
        partitions = [(place.partition, offset, FETCH_BYTES)]
        request = FetchRequest(_WAIT_MS, 1, FETCH_BYTES, 0, [(place.topic, partitions)])
        answer = await client.send(leader, request)
        ((_, ((_, code, _, *_, data),)),) = answer.topics
        if for_code(code).errno:
            _log.warning("fetch_refused", topic=place.topic, partition=place.partition, error=for_code(code).__name__)
            return b""
        return bytes(data or b"")
