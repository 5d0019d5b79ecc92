"""When a consumer that hears nothing counts as stuck."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.chassis.bus.consumer_session import ConsumerSession
from services.chassis.bus.reading import BEGINNING
from services.chassis.process.brokers import Brokers

PLACE = TopicPartition("orders", 0)


class FakeConsumer:
    """One partition: where its records end, and where the next read begins."""

    end = position_ = 0

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.end)

    async def position(self, _: TopicPartition) -> int:
        return self.position_


async def looks(*seen: tuple[int, int]) -> list[bool]:
    """The result of each look: (end, position)."""
    nothing: Any = lambda *_: None  # noqa: E731
    session = ConsumerSession(Brokers("127.0.0.1:1"), "group", ["orders"], BEGINNING, nothing, nothing, nothing)
    await session._consumer.stop()
    fake: Any = FakeConsumer()
    session._consumer = fake
    found = []
    for fake.end, fake.position_ in seen:
        found.append(await session._look())
    return found


@pytest.mark.parametrize(
    ("seen", "well"),
    [
        (((5, 5), (5, 5)), True),
        (((5, 2), (9, 6)), True),
        (((5, 6), (7, 7)), True),
        (((5, 2), (5, 2)), False),
        (((2, 1000), (2, 1000)), False),
    ],
    ids=["at the end", "moving", "read while the end was asked for", "behind and silent", "past the end and silent"],
)
async def test_a_partition_is_well_at_its_end_or_while_it_moves(seen: tuple[tuple[int, int], ...], well: bool) -> None:
    assert (await looks(*seen))[-1] is well
