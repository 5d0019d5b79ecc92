"""Several pieces of work at a time, and no more: the rest of the connections is for those who wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def side_by_side(work: Callable[[T], Awaitable[R]], items: Iterable[T], *, at_most: int = 4) -> list[R]:
    """Do the work for each, so many at a time; the results in order. Raises the first failure."""
    free = asyncio.Semaphore(at_most)

    async def do(item: T) -> R:
        async with free:
            return await work(item)

    return list(await asyncio.gather(*map(do, items)))
