"""Suppresses repeated log lines: a library that has lost its server may log a hundred lines a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MOST_REMEMBERED = 1_000


class Repeats:
    """Lets each line pass once per interval, and counts the ones that are left out.

    Args:
        seconds: the interval.
        now: a clock, in seconds.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._passed_at: dict[Hashable, float] = {}
        self._counts: dict[Hashable, int] = {}

    def left_out(self, line: Hashable) -> int | None:
        """How often the line was left out since it last passed. None: leave it out now."""
        now = self._now()
        passed = self._passed_at.get(line)
        if passed is not None and now - passed < self._seconds:
            self._counts[line] = self._counts.get(line, 0) + 1
            return None
        if passed is None and len(self._passed_at) >= _MOST_REMEMBERED:
            self._forget_the_oldest()
        self._passed_at[line] = now
        return self._counts.pop(line, 0)

    def _forget_the_oldest(self) -> None:
        oldest = min(self._passed_at, key=self._passed_at.__getitem__)
        del self._passed_at[oldest]
        self._counts.pop(oldest, None)
