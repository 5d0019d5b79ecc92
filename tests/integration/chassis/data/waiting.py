"""Waiting for what comes true by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

PATIENCE_SECONDS = 60.0


async def until(comes_true: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again; fails after a minute."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await comes_true():
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run things beside the block; cancelled and awaited at its end, as by the app. One that raised fails the test."""

    async def run(work: Callable[[], Awaitable[None]]) -> None:
        await work()

    tasks = [asyncio.create_task(run(work)) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
