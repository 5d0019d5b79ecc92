"""When a tail has read everything that the broker has, and what it does about a record that it cannot read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.chassis.bus.raw_batches import Damaged, Record, Undecodable
from services.chassis.bus.tail import Tail
from services.chassis.process.brokers import Brokers

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


def test_after_a_record_that_cannot_be_read_something_may_have_been_missed() -> None:
    handled: list[Record] = []
    missed: list[str] = []
    tail = Tail(
        Brokers("127.0.0.1:1"),
        PLACE.topic,
        handled.append,
        up_to_date=lambda _: None,
        missed=lambda: missed.append("a record"),
    )
    good = Record(PLACE.topic, PLACE.partition, 1, 0, b"key", b"value", ())
    tail._deliver_or_skip(good)
    assert (handled, missed) == ([good], [])
    tail._deliver_or_skip(Undecodable(PLACE.topic, PLACE.partition, 2, 0, None, None, (), Damaged("no")))
    assert (handled, missed) == ([good], ["a record"])
