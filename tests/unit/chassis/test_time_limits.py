"""Limits of many tasks by one timer: each acts on its own task, once, and never on one that has ended."""

from __future__ import annotations

import asyncio

import pytest

from services.chassis.rpc.time_limits import TimeLimits


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _work(limits: TimeLimits, seconds: float, pause: float) -> str:
    limit = limits.begin(_now() + seconds)
    try:
        await asyncio.sleep(pause)
        return "done"
    except asyncio.CancelledError:
        return "in time" if limit.end() else "cancelled by others"
    finally:
        limit.end()


async def test_each_task_has_its_own_limit() -> None:
    limits = TimeLimits()
    works = [_work(limits, 0.1, 60) for _ in range(50)] + [_work(limits, 60, 0.2) for _ in range(50)]
    assert await asyncio.gather(*works) == ["in time"] * 50 + ["done"] * 50


async def test_the_cancellation_of_others_stays_theirs() -> None:
    limits = TimeLimits()
    task = asyncio.create_task(_work(limits, 60, 60))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "cancelled by others"


async def test_both_at_once_is_the_others() -> None:
    limits = TimeLimits()
    limit = limits.begin(_now() + 60)
    task = asyncio.current_task()
    assert task is not None
    limit.act()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(60)
    assert limit.end() is False
    assert task.uncancel() == 0


async def test_a_limit_that_has_ended_cancels_nobody() -> None:
    limits = TimeLimits()
    limit = limits.begin(_now() + 0.05)
    assert limit.end() is False
    await asyncio.sleep(0.3)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_task_is_not_cancelled_any_more_once_its_limit_has_ended() -> None:
    limits = TimeLimits()
    limit = limits.begin(_now())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(60)
    assert limit.end() is True
    assert limit.end() is False
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(60):
        await asyncio.sleep(0)
