"""Concurrent work with a limit, so that calls still get connections of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def side_by_side(work: Callable[[T], Awaitable[R]], items: Iterable[T], *, at_most: int = 4) -> list[R]:
    """Run `work` for each item, at most `at_most` at once. Returns the results in the order of the items.

    Raises the first error, without waiting for or cancelling the work that still runs.
    """
    free = asyncio.Semaphore(at_most)

    async def do(item: T) -> R:
        async with free:
            return await work(item)

    return list(await asyncio.gather(*map(do, items)))
