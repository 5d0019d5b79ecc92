"""How far a consumer group is behind: a figure that stays alive when the consumer does not.

A member that reads tells it of its own partitions. When it has not told for a while, because it is stopped or fails
before it gets that far, the lag of all partitions is computed from outside, from what the group has committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from services.chassis import logs, reading
from services.chassis.brokers import Brokers

LOOK_EVERY_SECONDS = 5.0
_SILENT_AFTER_LOOKS = 3
_ASK_AT_MOST_SECONDS = 15.0
_REQUEST_MS = 10_000

_lag = Gauge("argosy_consumer_lag", "Messages that are not settled yet.", ["group", "topic", "partition"])

_log = structlog.get_logger()


class Lag:
    """What one member says about its group.

    Args:
        since: from when the group counts where it has committed nothing.
    """

    def __init__(self, kafka: Brokers, group: str, topics: Collection[str], since: datetime) -> None:
        self._brokers = kafka
        self._group = group
        self._topics = topics
        self._since = since
        self._told: set[TopicPartition] = set()
        self._silent = _SILENT_AFTER_LOOKS

    def tell(self, behind: Mapping[TopicPartition, int]) -> None:
        """This is how it is now. Partitions that are not named are somebody else's to tell of."""
        self._silent = 0
        for place in self._told - behind.keys():
            _lag.remove(self._group, place.topic, str(place.partition))
        for place, messages in behind.items():
            _lag.labels(self._group, place.topic, str(place.partition)).set(messages)
        self._told = set(behind)

    async def watch(self) -> None:
        """Until cancelled: ask from outside while the member itself says nothing. Then nothing is told any more."""
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
                self._silent += 1
                if self._silent >= _SILENT_AFTER_LOOKS:
                    await self._ask()
        finally:
            self.tell({})

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_ASK_AT_MOST_SECONDS):
                self.tell(await self._from_outside())
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
        consumer.assign([TopicPartition(topic, 0) for topic in self._topics])  # asks, and does not join
        try:
            await consumer.start()
            places = [
                TopicPartition(topic, number)
                for topic in self._topics
                for number in consumer.partitions_for_topic(topic) or ()
            ]
            ends = await consumer.end_offsets(places)
            begins = await reading.offsets_since(consumer, ends, self._since)
            behind = {}
            for place in places:
                committed = await consumer.committed(place)
                behind[place] = max(0, ends[place] - (begins[place] if committed is None else committed))
            return behind
        finally:
            await consumer.stop()
