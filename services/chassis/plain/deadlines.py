"""The deadline of the current task, in seconds of the event loop's clock.

Each call sets it (pipeline/deadline.py); `shielded` replaces it for its own work. Clients and waiting code limit their
timeouts by it.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

_current: ContextVar[float | None] = ContextVar("deadline", default=None)


def enter(deadline: float) -> None:
    """Set the deadline (loop time) of the current task."""
    _current.set(deadline)


def remaining() -> float | None:
    """Seconds left, never below 0. None: the current task has no deadline."""
    deadline = _current.get()
    return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


def within(seconds: float) -> float:
    """The smaller of `seconds` and the time left until the deadline."""
    left = remaining()
    return seconds if left is None else min(seconds, left)
