"""Calls over the limit of concurrent calls: a burst waits, an overload is refused, and no place is lost."""

from __future__ import annotations

import asyncio

import pytest

from services.chassis.plain.errors import Overloaded
from services.chassis.rpc.contract import Bulkhead
from services.chassis.rpc.pipeline.bulkhead import BoundedCalls


class Calls:
    """Four calls may be in flight, eight may wait."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self._bounded = BoundedCalls(Bulkhead("lab", max_in_flight=4, max_waiting=8), lambda: self.seconds)

    async def begin(self) -> None:
        if not self._bounded.enter():
            await self._bounded.wait()

    def end(self) -> None:
        self._bounded.leave()

    async def waiting(self, count: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.begin()) for _ in range(count)]
        await asyncio.sleep(0)
        return tasks


@pytest.fixture
async def calls() -> Calls:
    full = Calls()
    for _ in range(4):
        await full.begin()
    return full


async def test_a_burst_waits_and_is_served_in_its_order(calls: Calls) -> None:
    tasks = await calls.waiting(8)
    with pytest.raises(Overloaded):
        await calls.begin()
    for count in range(1, 9):
        calls.end()
        await asyncio.sleep(0)
        assert [task.done() for task in tasks] == [True] * count + [False] * (8 - count)
    for _ in range(4):
        calls.end()
    for _ in range(4):
        await calls.begin()
    assert not (await calls.waiting(1))[0].done()


async def _overload(calls: Calls) -> None:
    """Calls wait and are refused for more than a second; at its end nobody waits."""
    await calls.waiting(8)
    with pytest.raises(Overloaded):
        await calls.begin()
    calls.seconds += 1.1
    for _ in range(8):
        calls.end()
    await asyncio.sleep(0)


async def test_in_overload_few_wait_and_the_others_are_refused(calls: Calls) -> None:
    await _overload(calls)
    await calls.waiting(1)  # one for four that may be in flight
    with pytest.raises(Overloaded):
        await calls.begin()


@pytest.mark.parametrize(("calm", "waiting"), [(1.0, 1), (2.1, 8)])
async def test_overload_ends_without_excess_for_longer_than_refused_callers_stay_away(
    calls: Calls, calm: float, waiting: int
) -> None:
    await _overload(calls)
    calls.seconds += calm
    await calls.waiting(waiting)
    with pytest.raises(Overloaded):
        await calls.begin()


async def test_many_short_waits_are_no_overload(calls: Calls) -> None:
    for _ in range(20):
        await calls.waiting(8)
        calls.seconds += 0.2
        for _ in range(8):
            calls.end()
        await asyncio.sleep(0)
    await calls.waiting(8)
    with pytest.raises(Overloaded):
        await calls.begin()


async def test_long_waits_are_overload_though_nobody_was_refused(calls: Calls) -> None:
    for _ in range(4):
        await calls.waiting(1)
        calls.seconds += 0.5
        calls.end()
        await asyncio.sleep(0)
    await calls.waiting(1)
    with pytest.raises(Overloaded):
        await calls.begin()


async def test_who_is_cancelled_leaves_their_place_to_others(calls: Calls) -> None:
    first, second, third = await calls.waiting(3)
    first.cancel()
    await asyncio.sleep(0)
    calls.end()
    second.cancel()  # it has been given the place, and does not know yet
    await asyncio.gather(first, second, return_exceptions=True)
    await asyncio.sleep(0)
    assert (first.cancelled(), second.cancelled(), third.done()) == (True, True, True)
    for _ in range(4):
        calls.end()
    for _ in range(4):
        await calls.begin()
    assert not (await calls.waiting(1))[0].done()
