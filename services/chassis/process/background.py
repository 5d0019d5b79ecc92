"""Background tasks: relays, consumers, sweepers. A task is restarted after a failure and cancelled at the drain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.chassis.plain import backoff, cancellation, transient

_log = structlog.get_logger()

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_HEALTHY_AFTER = 60.0
"""After a run of this length, the backoff starts from the first delay again."""
_END_AT_MOST = 10.0
"""Seconds that cancelled tasks may take to clean up."""

Run = Callable[[], Awaitable[None]]


class Background:
    """The background tasks of one process."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, run: Run) -> None:
        """Add a task. Call before `start`. Raises ValueError for a name that is in use."""
        if name in self._runs:
            raise ValueError(f"there is a background task named {name} already")
        self._runs[name] = run

    def start(self) -> None:
        """Start all of them."""
        self._tasks = [asyncio.create_task(_supervise(name, run), name=name) for name, run in self._runs.items()]

    async def stop(self) -> None:
        """Cancel all tasks and wait for them. Tasks that do not end within 10 s are logged."""
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        _, stuck = await asyncio.wait(self._tasks, timeout=_END_AT_MOST)
        for task in stuck:
            _log.error("background_did_not_end", task=task.get_name())


async def _supervise(name: str, run: Run) -> None:
    loop = asyncio.get_running_loop()
    waits = backoff.delays(_FIRST_DELAY, _LONGEST_DELAY)
    while True:
        started = loop.time()
        try:
            await run()
        except (Exception, asyncio.CancelledError) as error:
            if cancellation.is_own():
                raise
            _log_failure(name, error)
        else:
            _log.info("background_finished", task=name)
            return
        if loop.time() - started > _HEALTHY_AFTER:
            waits = backoff.delays(_FIRST_DELAY, _LONGEST_DELAY)
        await asyncio.sleep(next(waits))


def _log_failure(name: str, error: BaseException) -> None:
    if transient.is_transient(error):  # the unavailable resource is logged too: no stack here
        _log.warning("background_put_off", task=name, error=transient.reason(error))
    else:
        _log.error("background_failed", task=name, exc_info=error)
