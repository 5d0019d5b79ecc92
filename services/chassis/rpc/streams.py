"""The open streams of this process: limits per caller and process, and early ends.

A stream is ended with UNAUTHENTICATED when the caller's token is no longer valid (expired, or session revoked), and
with UNAVAILABLE when the service drains, so that the caller reconnects to another replica.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from prometheus_client import Gauge

from services.chassis.plain.errors import AppError, ResourceExhausted, Unauthenticated, Unavailable

MOST_A_CALLER = 20
"""Enough for a person with many open windows."""
MOST = 2_000
"""The limit of one process; a stream takes about 30 KB."""
_LOOK_EVERY_SECONDS = 2.0

_open_streams = Gauge("argosy_streams_open", "Streams that are being sent.", ["rpc"])

_log = structlog.get_logger()

StillGood = Callable[[], Awaitable[None]]
"""Raises Unauthenticated if the caller's token is no longer valid."""


class _Stream:
    """One open stream, which `end` can interrupt."""

    def __init__(self, still_good: StillGood) -> None:
        self.still_good = still_good
        self.scope = asyncio.timeout(None)
        self.why: AppError | None = None

    def end(self, why: AppError) -> None:
        if self.why is None:
            self.why = why
            self.scope.reschedule(asyncio.get_running_loop().time())


class Streams:
    """All streams of one process."""

    def __init__(self, most_a_caller: int = MOST_A_CALLER, most: int = MOST) -> None:
        self._most_a_caller = most_a_caller
        self._most = most
        self._open: set[_Stream] = set()
        self._by_caller: Counter[str] = Counter()
        self._closed = False

    @contextlib.asynccontextmanager
    async def opened(self, rpc: str, caller: str, still_good: StillGood) -> AsyncIterator[None]:
        """Count a stream for the duration of the block. The block is interrupted when the stream must end.

        Raises:
            ResourceExhausted: the limit per caller or per process is reached.
            Unavailable: the service drains.
            Unauthenticated: the caller's token is no longer valid.
        """
        self._admit(caller)
        stream = _Stream(still_good)
        self._open.add(stream)
        self._by_caller[caller] += 1
        try:
            with _open_streams.labels(rpc).track_inprogress():
                async with stream.scope:
                    yield
        except TimeoutError:
            if stream.why is not None and stream.scope.expired():
                raise stream.why from None
            raise
        finally:
            self._open.discard(stream)
            self._by_caller[caller] -= 1
            if not self._by_caller[caller]:
                del self._by_caller[caller]

    def close(self) -> None:
        """End all streams, and refuse new ones."""
        self._closed = True
        for stream in self._open:
            stream.end(_going_away())

    async def watch_callers(self) -> None:
        """Check every two seconds whether the callers' tokens are still valid, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            for stream in tuple(self._open):
                try:
                    await stream.still_good()
                except Unauthenticated as gone:
                    stream.end(gone)
                except Exception as error:  # unknown: check again at the next round
                    _log.warning("stream_caller_not_looked_up", error=type(error).__name__)

    def _admit(self, caller: str) -> None:
        if self._closed:
            raise _going_away()
        if self._by_caller[caller] >= self._most_a_caller:
            raise ResourceExhausted(f"you have {self._most_a_caller} streams open, which is the limit; end one first")
        if len(self._open) >= self._most:
            raise ResourceExhausted("too many streams are open; try again later")


def _going_away() -> Unavailable:
    return Unavailable("the service restarts; connect again")
