"""When a tail has read everything that the broker has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.chassis.brokers import Brokers
from services.chassis.tail import Tail

PLACE = TopicPartition("orders", 0)


class FakeConsumer:
    """One partition: where its records end, and where the next read begins."""

    def __init__(self, end: int, position: int) -> None:
        self._end, self._position = end, position

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def partitions_for_topic(self, _: str) -> set[int]:
        return {PLACE.partition}

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self._end)

    async def position(self, _: TopicPartition) -> int:
        return self._position


@pytest.mark.parametrize(
    ("end", "position", "up_to_date"),
    [(5, 5, True), (5, 2, False), (2, 1000, False)],
    ids=["at the end", "behind", "past the end of a topic that was made anew"],
)
async def test_only_a_tail_at_the_end_is_up_to_date(end: int, position: int, up_to_date: bool) -> None:
    heard: list[float] = []
    tail = Tail(Brokers("127.0.0.1:1"), "orders", lambda _: None, up_to_date=heard.append)
    consumer: Any = FakeConsumer(end, position)
    assert await tail._look(consumer) is up_to_date
    assert bool(heard) is up_to_date
