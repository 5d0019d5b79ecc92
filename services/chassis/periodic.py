"""Periodic work: the one loop of everything that a service does from time to time beside its calls."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import structlog

from services.chassis import backoff, transient

Round = Callable[[], Awaitable[bool | None]]
"""One round of the work. True: there is more to do, and the next round follows at once."""

_log = structlog.get_logger()


class Periodic:
    """Runs a round of work every so many seconds; any number of replicas may do so at once.

    A round that fails because something is away or busy (`transient`) is logged in one line and repeated at the next
    turn. Any other error leaves `run`: the app logs it with its stack and runs it again with backoff (background.py).

    Args:
        name: of the work, for the log.
        once: one round.
        every_seconds: the pause after a round that found nothing more to do.
        on_failure: called with an error that passes, for example to count it. Default: no callback.
        vary: each pause is between a half and the whole of `every_seconds`, so that replicas take turns.
    """

    def __init__(
        self,
        name: str,
        once: Round,
        every_seconds: float,
        on_failure: Callable[[Exception], None] | None = None,
        *,
        vary: bool = False,
    ) -> None:
        self._name = name
        self._once = once
        self._pauses = backoff.delays(every_seconds, every_seconds) if vary else itertools.repeat(every_seconds)
        self._on_failure = on_failure

    async def run(self) -> None:
        """Rounds until cancelled."""
        while True:
            try:
                while await self._once():
                    pass
            except Exception as error:
                if not transient.is_transient(error):
                    raise
                self._put_off(error)
            await asyncio.sleep(next(self._pauses))

    def _put_off(self, error: Exception) -> None:
        _log.warning("periodic_work_put_off", work=self._name, error=transient.reason(error))
        if self._on_failure is not None:
            self._on_failure(error)
