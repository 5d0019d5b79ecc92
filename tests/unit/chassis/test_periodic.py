"""Periodic work: rounds, pauses, errors that pass, and being woken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine

import pytest

from services.chassis.plain.errors import Unavailable
from services.chassis.process.periodic import Periodic

NEVER = 3600.0


class Work:
    """Rounds that are counted; `results` are what they answer or raise, then None."""

    def __init__(self, *results: bool | Exception) -> None:
        self.results = list(results)
        self.rounds = 0

    async def once(self) -> bool | None:
        self.rounds += 1
        result = self.results.pop(0) if self.results else None
        if isinstance(result, Exception):
            raise result
        return result

    async def until(self, rounds: int) -> None:
        async with asyncio.timeout(5):
            while self.rounds < rounds:
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def running(periodic: Periodic) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(periodic.run())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_rounds_follow_at_once_while_there_is_more_to_do() -> None:
    work = Work(True, True, False)
    async with running(Periodic("work", work.once, NEVER)):
        await work.until(3)
        await asyncio.sleep(0.01)
        assert work.rounds == 3


async def test_a_round_follows_the_pause() -> None:
    work = Work()
    async with running(Periodic("work", work.once, 0.001)):
        await work.until(3)


async def test_being_woken_ends_the_pause() -> None:
    work, wake = Work(), asyncio.Event()
    async with running(Periodic("work", work.once, NEVER, wake=wake)):
        for rounds in (1, 2, 3):
            await work.until(rounds)
            await asyncio.sleep(0)
            wake.set()
        await work.until(4)


async def test_being_woken_during_a_round_is_not_forgotten() -> None:
    wake, rounds = asyncio.Event(), 0

    async def once() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            wake.set()

    async with running(Periodic("work", once, NEVER, wake=wake)):
        async with asyncio.timeout(5):
            while rounds < 2:
                await asyncio.sleep(0)


async def test_an_error_that_passes_is_counted_and_the_work_goes_on() -> None:
    work, counted = Work(Unavailable(), False), list[Exception]()
    async with running(Periodic("work", work.once, 0.001, on_failure=counted.append)):
        await work.until(2)
    assert [type(error) for error in counted] == [Unavailable]


async def test_any_other_error_ends_it() -> None:
    async with running(Periodic("work", Work(RuntimeError("a bug")).once, NEVER)) as task:
        with pytest.raises(RuntimeError):
            await task


async def test_pauses_vary_where_replicas_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def wait_for(waiting: Coroutine[None, None, bool], seconds: float) -> None:
        waiting.close()
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    with pytest.raises(RuntimeError):
        await Periodic("work", Work(*[False] * 50, RuntimeError("the end")).once, 8, vary=True).run()
    assert all(4 <= pause <= 8 for pause in pauses)
    assert len(set(pauses)) > 10
