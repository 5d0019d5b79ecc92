"""Leaves out what is said again and again: a library that has lost its server may say so a hundred times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MOST_REMEMBERED = 1_000


class Repeats:
    """Lets the same thing through once in a while, and counts what it leaves out meanwhile.

    Args:
        seconds: how long the same thing stays unsaid.
        now: a clock, in seconds.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._said: dict[Hashable, float] = {}
        self._left_out: dict[Hashable, int] = {}

    def since_said(self, what: Hashable) -> int | None:
        """How often this was left out since it was said last; None: leave it out now, too."""
        now = self._now()
        said = self._said.get(what)
        if said is not None and now - said < self._seconds:
            self._left_out[what] = self._left_out.get(what, 0) + 1
            return None
        if said is None and len(self._said) >= _MOST_REMEMBERED:
            self._forget_the_oldest()
        self._said[what] = now
        return self._left_out.pop(what, 0)

    def _forget_the_oldest(self) -> None:
        oldest = min(self._said, key=self._said.__getitem__)
        del self._said[oldest]
        self._left_out.pop(oldest, None)
