"""The lag metric of a consumer group. It is updated also while the consumer is stopped.

A member that reads reports the lag of its own partitions. If it has not reported for a while, because it is stopped or
fails to read, the lag of all partitions is computed from the group's committed offsets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from services.chassis.bus import reading
from services.chassis.plain import logs
from services.chassis.process.brokers import Brokers

LOOK_EVERY_SECONDS = 5.0
_SILENT_AFTER_LOOKS = 3
_ASK_AT_MOST_SECONDS = 15.0
_REQUEST_MS = 10_000

_lag = Gauge("argosy_consumer_lag", "Messages that are not handled yet.", ["group", "topic", "partition"])

_log = structlog.get_logger()


class Lag:
    """The lag metric of a group, as one member reports it.

    Args:
        since: where a partition without a committed offset begins.
    """

    def __init__(self, kafka: Brokers, group: str, topics: Collection[str], since: datetime) -> None:
        self._brokers = kafka
        self._group = group
        self._topics = topics
        self._since = since
        self._reported: set[TopicPartition] = set()
        self._silent = _SILENT_AFTER_LOOKS

    def report(self, behind: Mapping[TopicPartition, int]) -> None:
        """Report the lag of this member's partitions. Other members report the others."""
        self._silent = 0
        for place in self._reported - behind.keys():
            _lag.remove(self._group, place.topic, str(place.partition))
        for place, messages in behind.items():
            _lag.labels(self._group, place.topic, str(place.partition)).set(messages)
        self._reported = set(behind)

    async def watch(self) -> None:
        """Run until cancelled: compute the lag while the member does not report. Then remove its values."""
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
                self._silent += 1
                if self._silent >= _SILENT_AFTER_LOOKS:
                    await self._compute()
        finally:
            self.report({})

    async def _compute(self) -> None:
        try:
            async with asyncio.timeout(_ASK_AT_MOST_SECONDS):
                self.report(await self._from_outside())
        except (KafkaError, OSError) as error:  # TimeoutError is one
            _log.info("lag_not_known", group=self._group, error=logs.error_text(error))

    async def _from_outside(self) -> Mapping[TopicPartition, int]:
        consumer = AIOKafkaConsumer(
            **self._brokers.options(),
            client_id=f"{self._group}-lag",
            group_id=self._group,
            enable_auto_commit=False,
            request_timeout_ms=_REQUEST_MS,
        )
        reading.learn_partitions(consumer, self._topics)  # without joining the group
        try:
            await consumer.start()
            places = reading.partitions_of(consumer, self._topics)
            ends = await consumer.end_offsets(places)
            begins = await reading.offsets_since(consumer, ends, self._since)
            behind = {}
            for place in places:
                committed = await consumer.committed(place)
                behind[place] = max(0, ends[place] - (begins[place] if committed is None else committed))
            return behind
        finally:
            await consumer.stop()
