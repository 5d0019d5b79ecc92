"""Timeouts of many tasks with one timer, which costs less than a timer per call."""

from __future__ import annotations

import asyncio

TICK_SECONDS = 0.05
"""The resolution: a timeout may act this many seconds late."""


class TimeLimits:
    """The timeouts of one event loop's tasks."""

    def __init__(self) -> None:
        self._running: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: float) -> Limit:
        """Cancel the current task at `deadline` (loop time), unless `end` is called before.

        Raises RuntimeError outside a task.
        """
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
    """The timeout of one task."""

    __slots__ = ("_acted", "_cancellations", "_running", "_task", "deadline")

    def __init__(self, running: set[Limit], task: asyncio.Task[object], deadline: float) -> None:
        self._running = running
        self._task = task
        self._cancellations = task.cancelling()
        self._acted = False
        self.deadline = deadline

    def act(self) -> None:
        """Cancel the task."""
        self._running.discard(self)
        self._acted = True
        self._task.cancel()

    def end(self) -> bool:
        """Remove the timeout. Returns True if it has cancelled the task and nothing else has.

        Like asyncio.timeout, it uncancels the task. So it returns True only once.
        """
        self._running.discard(self)
        if not self._acted:
            return False
        self._acted = False
        return self._task.uncancel() <= self._cancellations
