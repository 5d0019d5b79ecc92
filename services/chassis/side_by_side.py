"""Several pieces of work at once, and no more than a limit, so that calls keep connections of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def side_by_side(work: Callable[[T], Awaitable[R]], items: Iterable[T], *, at_most: int = 4) -> list[R]:
    """Does the work for each item, `at_most` at once; answers the results in the items' order. Raises the first error.

    It raises at once: work that runs already goes on.
    """
    free = asyncio.Semaphore(at_most)

    async def do(item: T) -> R:
        async with free:
            return await work(item)

    return list(await asyncio.gather(*map(do, items)))
