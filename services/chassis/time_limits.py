"""Time limits for many tasks at once, by one timer: a timer for each call costs more than all else that times it."""

from __future__ import annotations

import asyncio

TICK_SECONDS = 0.05
"""How late a limit may act."""


class TimeLimits:
    """The limits of one event loop's tasks."""

    def __init__(self) -> None:
        self._running: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: float) -> Limit:
        """Cancel the present task at `deadline` (loop time), unless the limit has ended before."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can have a time limit")
        limit = Limit(self._running, task, deadline)
        self._running.add(limit)
        if self._timer is None:
            self._timer = task.get_loop().call_later(TICK_SECONDS, self._tick, task.get_loop())
        return limit

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for limit in [limit for limit in self._running if limit.deadline <= now]:
            limit.act()
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop) if self._running else None


class Limit:
    """One task's."""

    __slots__ = ("_acted", "_cancellations", "_running", "_task", "deadline")

    def __init__(self, running: set[Limit], task: asyncio.Task[object], deadline: float) -> None:
        self._running = running
        self._task = task
        self._cancellations = task.cancelling()
        self._acted = False
        self.deadline = deadline

    def act(self) -> None:
        """The time is up."""
        self._running.discard(self)
        self._acted = True
        self._task.cancel()

    def end(self) -> bool:
        """The work is over, or cancelled: whether it was this limit, and nobody else, that cancelled it.

        As asyncio.timeout, it takes its own cancellation back; so it says True once.
        """
        self._running.discard(self)
        if not self._acted:
            return False
        self._acted = False
        return self._task.uncancel() <= self._cancellations
