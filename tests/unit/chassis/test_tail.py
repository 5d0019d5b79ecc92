"""When a tail has read everything that the broker has, and what it does about a record that it cannot read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.chassis.bus.raw_batches import Damaged, Record, Undecodable
from services.chassis.bus.reading import Batches
from services.chassis.bus.tail import Goal, Tail
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


class FakeReading:
    """Answers these batches, then waits as for a fetch that the broker holds."""

    def __init__(self, *batches: Batches) -> None:
        self._batches = list(batches)

    async def read(self, timeout_ms: int) -> Batches:
        if not self._batches:
            await asyncio.Event().wait()
        return self._batches.pop(0)


async def read_and_hear(tail: Tail, at: int, *batches: Batches) -> None:
    """Let a tail whose partition is at this offset read; when it starts, the partition ends at 5."""
    tail._positions = {PLACE: at}
    consumer: Any = FakeConsumer(5, at)
    reading: Any = FakeReading(*batches)
    task = asyncio.create_task(tail._read(consumer, reading, Goal(7.0, {PLACE: 5})))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("at", "read_to", "heard_of"),
    [(5, [], [7.0]), (3, [3], []), (3, [3, 4], [7.0]), (4, [4, 5, 6], [7.0])],
    ids=["nothing to read: at once", "not there yet", "there", "further"],
)
async def test_a_tail_is_up_to_date_once_it_has_read_what_was_there_at_its_start(
    at: int, read_to: list[int], heard_of: list[float]
) -> None:
    heard: list[float] = []
    tail = Tail(Brokers("127.0.0.1:1"), PLACE.topic, lambda _: None, up_to_date=heard.append)
    batches = [{PLACE: [Record(PLACE.topic, PLACE.partition, offset, 0, b"key", b"value", ())]} for offset in read_to]
    await read_and_hear(tail, at, *batches)
    assert heard == heard_of


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
