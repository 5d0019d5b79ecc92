"""Reading partitions past what aiokafka cannot decode. Consumers, tails and `argosy` all read through this.

When aiokafka fails to decode one record it answers nothing at all, again and again, and forgets what it took from other
partitions meanwhile. So this keeps the place in every partition itself. After such a failure it fetches from there on
by a request of its own, decodes record by record (raw_batches.py), and lets aiokafka go on behind that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, UnsupportedCodecError, for_code
from aiokafka.protocol.fetch import FetchRequest

from services.chassis import logs, raw_batches
from services.chassis.raw_batches import Undecodable

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Since a topic has records: however old they are."""
FETCH_BYTES = 256 * 1024
"""At most so many bytes of a partition at once, or one batch."""
_WAIT_MS = 100
_TRIES = 3
_TRY_AGAIN_SECONDS = 0.5
_OF_THE_RECORDS = (CorruptRecordException, UnsupportedCodecError, RecordTooLargeError)

_log = structlog.get_logger()

Batches = Mapping[TopicPartition, Sequence[Any]]
"""What was read: aiokafka's records, or those of raw_batches."""


async def offsets_since(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], since: datetime
) -> Mapping[TopicPartition, int]:
    """The first offset of each partition whose record is not older than `since`; the end that is given without one.

    The ends are asked for first: what comes in between lies behind them.
    """
    if since == BEGINNING:
        begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(list(ends))
        return begins
    found = await consumer.offsets_for_times(dict.fromkeys(ends, int(since.timestamp() * 1000)))
    firsts = {place: found.get(place) for place in ends}
    return {place: ends[place] if first is None else first.offset for place, first in firsts.items()}


class Reading:
    """What one consumer reads.

    Args:
        consumer: started, with its partitions assigned or subscribed. Nobody else reads from it.
        begin: where a partition is read from of which nothing was read yet; asked only after a failure.
    """

    def __init__(self, consumer: AIOKafkaConsumer, begin: Callable[[TopicPartition], Awaitable[int]]) -> None:
        self._consumer = consumer
        self._begin = begin
        self._next: dict[TopicPartition, int] = {}
        self.assignments = 0
        """How often `forget` was called: whoever awaits something meanwhile sees that partitions went."""

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Go on at this offset."""
        self._consumer.seek(place, offset)
        self._next[place] = offset

    def forget(self) -> None:
        """The consumer has other partitions from now on."""
        self.assignments += 1
        self._next.clear()

    async def read(self, timeout_ms: int, most: int | None = None) -> Batches:
        """What has arrived, by partition, in order. Raises KafkaError; a record never makes it raise."""
        try:
            found: Batches = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=most)
        except KafkaError as error:
            if not isinstance(error, _OF_THE_RECORDS):
                raise
            found = await self._read_by_hand(error)
        except Exception as error:  # a decompressor raises what it likes
            found = await self._read_by_hand(error)
        for place, records in found.items():
            self._next[place] = records[-1].offset + 1
        return found

    async def _read_by_hand(self, error: Exception) -> Batches:
        """What lies between our places and aiokafka's next fetch. Raises `error` when that leads nowhere."""
        _log.warning("fetch_not_decoded", error=logs.error_text(error))
        assignments, found, moved = self.assignments, {}, False
        for place in self._consumer.assignment() - self._consumer.paused():
            begin = self._next[place] if place in self._next else await self._begin(place)
            records, next_offset = await self._fetch(place, begin)
            if assignments != self.assignments or self._consumer._subscription.reassignment_in_progress:
                return {}  # somebody else's by now
            self.seek(place, next_offset)
            moved = moved or next_offset > begin
            if records:
                found[place] = records
        if not moved:
            raise error
        return found

    async def _fetch(self, place: TopicPartition, offset: int) -> tuple[Sequence[raw_batches.Record], int]:
        """Fetch and decode, again if something cannot be decoded: it may have been damaged on its way."""
        records, next_offset = raw_batches.decode(place, await self._bytes(place, offset), offset)
        for _ in range(_TRIES - 1):
            if not any(isinstance(record, Undecodable) for record in records):
                break
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
            records, next_offset = raw_batches.decode(place, await self._bytes(place, offset), offset)
        return records, next_offset

    async def _bytes(self, place: TopicPartition, offset: int) -> bytes:
        """What the broker has there; nothing when it refuses: aiokafka's own fetch then meets the reason."""
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
