"""How long the present work may still take.

A call sets it (pipeline/deadline.py), `shielded` extends it for its own work; clients and whoever waits for something
ask for what remains. Times are the event loop's, in seconds.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

_current: ContextVar[float | None] = ContextVar("deadline", default=None)


def enter(deadline: float) -> None:
    """Make it (loop time) the present task's deadline, to its end."""
    _current.set(deadline)


def remaining() -> float | None:
    """Seconds left, never below 0; None where nothing limits the present work."""
    deadline = _current.get()
    return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


def within(seconds: float) -> float:
    """The given time, or what is left of the present work's when that is less."""
    left = remaining()
    return seconds if left is None else min(seconds, left)
