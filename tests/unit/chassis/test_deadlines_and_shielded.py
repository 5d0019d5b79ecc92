"""What remains of a call's time, and work that does not end with its caller."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.chassis.plain import deadlines, shielded
from services.chassis.plain.shielded import shielded as run_shielded


async def _in_a_call(seconds: float, work: Any) -> Any:
    async def call() -> Any:
        deadlines.enter(asyncio.get_running_loop().time() + seconds)
        return await work()

    return await asyncio.create_task(call())


async def test_outside_a_call_nothing_limits() -> None:
    assert deadlines.remaining() is None
    assert deadlines.within(5) == 5


async def test_inside_a_call_its_deadline_does() -> None:
    async def work() -> tuple[float | None, float, float]:
        return deadlines.remaining(), deadlines.within(5), deadlines.within(100)

    remaining, short, long = await _in_a_call(50, work)
    assert remaining is not None
    assert 0 < remaining <= 50
    assert short == 5
    assert long <= 50


async def test_what_remains_is_never_negative() -> None:
    async def work() -> float | None:
        return deadlines.remaining()

    assert await _in_a_call(-3, work) == 0


async def test_shielded_work_answers_and_fails_like_any_other() -> None:
    async def good() -> str:
        return "done"

    async def bad() -> None:
        raise KeyError("bad")

    assert await run_shielded(good(), at_most=5) == "done"
    with pytest.raises(KeyError):
        await run_shielded(bad(), at_most=5)


async def test_it_has_time_of_its_own() -> None:
    async def work() -> float | None:
        async def inner() -> float | None:
            return deadlines.remaining()

        return await run_shielded(inner(), at_most=60)

    remaining = await _in_a_call(0, work)
    assert remaining is not None
    assert remaining > 50


async def test_it_does_not_go_on_for_ever() -> None:
    with pytest.raises(TimeoutError):
        await run_shielded(asyncio.sleep(60), at_most=0.01)


async def test_it_goes_on_when_its_caller_is_cancelled_and_can_be_waited_for() -> None:
    began, finish, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        began.set()
        await finish.wait()
        done.append(True)

    caller = asyncio.create_task(run_shielded(work(), at_most=60))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == []
    finish.set()
    await shielded.finish(at_most=5)
    assert done == [True]


async def test_a_failure_that_nobody_awaits_is_logged() -> None:
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        await asyncio.sleep(0)
        raise KeyError("lost")

    with capture_logs() as lines:
        caller = asyncio.create_task(run_shielded(work(), at_most=60))
        await began.wait()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await shielded.finish(at_most=5)
        await asyncio.sleep(0)
    assert [line["event"] for line in lines] == ["shielded_work_failed"]


async def test_the_end_of_the_process_does_not_wait_for_ever() -> None:
    ended = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    caller = asyncio.create_task(run_shielded(stubborn(), at_most=60))
    await asyncio.sleep(0.01)
    caller.cancel()
    await shielded.finish(at_most=0.01)
    assert ended == [True]
    await asyncio.gather(caller, return_exceptions=True)
