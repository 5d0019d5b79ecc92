"""Concurrent calls with the same question share one computation of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")


class SingleFlight:
    """The computations that are running, by their question."""

    def __init__(self) -> None:
        self._in_flight: dict[tuple[Hashable, ...], _Shared] = {}

    async def once(self, question: tuple[Hashable, ...], start: Callable[[], Awaitable[T]]) -> T:
        """The answer to the question, or the error of its computation, shared by concurrent calls.

        The computation is cancelled when every caller has gone.
        """
        shared = self._in_flight.get(question)
        if shared is None:
            shared = self._in_flight[question] = _Shared(asyncio.ensure_future(start()))
        shared.askers += 1
        try:
            return cast(T, await asyncio.shield(shared.answer))
        finally:
            shared.askers -= 1
            if not shared.askers:
                del self._in_flight[question]
                shared.answer.cancel()  # no effect once it is done

    def is_asked_about(self, first: Hashable) -> bool:
        """Whether a computation runs whose question begins with this."""
        return any(question[0] == first for question in self._in_flight)


@dataclass
class _Shared:
    """A computation, and the number of its callers."""

    answer: asyncio.Future[Any]
    askers: int = 0
