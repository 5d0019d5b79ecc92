"""The loop of periodic work, such as sweepers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable

import structlog

from services.chassis.plain import backoff, transient

Round = Callable[[], Awaitable[bool | None]]
"""One round of the work. Returns True if there is more to do; then the next round follows at once."""

_log = structlog.get_logger()


class Periodic:
    """Runs a round of work periodically. Several replicas may run the same work at once.

    A round that fails with a transient error (transient.py) is logged in one line and repeated after the pause. Any
    other error leaves `run`: the app logs it with its stack and restarts the task with backoff (background.py).

    Args:
        name: the name of the work, for the log.
        once: one round.
        every_seconds: the pause after a round without more to do.
        on_failure: called with a transient error, for example to count it. Default: no callback.
        vary: pauses are random, between half of `every_seconds` and all of it, so that replicas take turns.
        wake: starts a round before the pause is over; cleared before each round. Default: none.
    """

    def __init__(
        self,
        name: str,
        once: Round,
        every_seconds: float,
        on_failure: Callable[[Exception], None] | None = None,
        *,
        vary: bool = False,
        wake: asyncio.Event | None = None,
    ) -> None:
        self._name = name
        self._once = once
        self._pauses = backoff.delays(every_seconds, every_seconds) if vary else itertools.repeat(every_seconds)
        self._on_failure = on_failure
        self._wake = wake or asyncio.Event()

    async def run(self) -> None:
        """Run rounds until cancelled."""
        while True:
            self._wake.clear()
            try:
                while await self._once():
                    pass
            except Exception as error:
                if not transient.is_transient(error):
                    raise
                self._put_off(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), next(self._pauses))

    def _put_off(self, error: Exception) -> None:
        _log.warning("periodic_work_put_off", work=self._name, error=transient.reason(error))
        if self._on_failure is not None:
            self._on_failure(error)
