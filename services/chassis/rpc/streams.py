"""The open streams of this process: limits per caller, address and process, fair shares, and early ends.

When the process has no room left, a caller with fewer streams gets the place of one of the caller with the most.
A stream is ended with UNAUTHENTICATED when the caller's token is no longer valid (expired, or session revoked), and
with UNAVAILABLE when the service drains, so that the caller reconnects to another replica.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from prometheus_client import Gauge

from services.chassis.plain.errors import AppError, ResourceExhausted, Unauthenticated, Unavailable

MOST_A_CALLER = 20
"""Enough for a person with many open windows."""
MOST = 2_000
"""The limit of one process; a stream takes about 30 KB."""
MOST_AN_ADDRESS = MOST // 4
"""The limit of one client address, which may have many accounts."""
_LOOK_EVERY_SECONDS = 2.0

_open_streams = Gauge("argosy_streams_open", "Streams that are being sent.", ["rpc"])

_log = structlog.get_logger()

StillGood = Callable[[], Awaitable[None]]
"""Raises Unauthenticated if the caller's token is no longer valid."""


class _Stream:
    """One open stream, which `end` can interrupt."""

    def __init__(self, caller: str, address: str | None, still_good: StillGood) -> None:
        self.caller = caller
        self.address = address
        self.still_good = still_good
        self.scope = asyncio.timeout(None)
        self.why: AppError | None = None

    def end(self, why: AppError) -> None:
        if self.why is None:
            self.why = why
            self.scope.reschedule(asyncio.get_running_loop().time())


class Streams:
    """All streams of one process."""

    def __init__(
        self, most_a_caller: int = MOST_A_CALLER, most: int = MOST, most_an_address: int = MOST_AN_ADDRESS
    ) -> None:
        self._most_a_caller = most_a_caller
        self._most = most
        self._most_an_address = most_an_address
        self._open: set[_Stream] = set()
        self._by_caller: defaultdict[str, list[_Stream]] = defaultdict(list)
        self._by_address: Counter[str] = Counter()
        self._closed = False

    @contextlib.asynccontextmanager
    async def opened(
        self, rpc: str, caller: str, still_good: StillGood, address: str | None = None
    ) -> AsyncIterator[None]:
        """Count a stream for the duration of the block. The block is interrupted when the stream must end.

        address: the client's. None: it is not limited (another service).

        Raises:
            ResourceExhausted: the limit per caller, address or process is reached, also later: see above.
            Unavailable: the service drains.
            Unauthenticated: the caller's token is no longer valid.
        """
        self._admit(caller, address)
        stream = _Stream(caller, address, still_good)
        self._add(stream)
        try:
            with _open_streams.labels(rpc).track_inprogress():
                async with stream.scope:
                    yield
        except TimeoutError:
            if stream.why is not None and stream.scope.expired():
                raise stream.why from None
            raise
        finally:
            self._forget(stream)

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

    def _admit(self, caller: str, address: str | None) -> None:
        if self._closed:
            raise _going_away()
        if len(self._by_caller.get(caller, ())) >= self._most_a_caller:
            raise ResourceExhausted(f"you have {self._most_a_caller} streams open, which is the limit; end one first")
        if address is not None and self._by_address[address] >= self._most_an_address:
            raise ResourceExhausted("too many streams are open from your address; end one first")
        if len(self._open) >= self._most:
            self._make_room(caller)

    def _make_room(self, caller: str) -> None:
        """End the newest stream of the caller with the most, if both then have at most the same number."""
        most = max(self._by_caller.values(), key=len)
        if len(most) <= len(self._by_caller.get(caller, ())) + 1:
            raise ResourceExhausted("too many streams are open; try again later")
        ended = most[-1]
        self._forget(ended)  # at once: it ends later than the new one begins
        ended.end(ResourceExhausted("too many streams are open, and you have the most; try again later"))

    def _add(self, stream: _Stream) -> None:
        self._open.add(stream)
        self._by_caller[stream.caller].append(stream)
        if stream.address is not None:
            self._by_address[stream.address] += 1

    def _forget(self, stream: _Stream) -> None:
        if stream not in self._open:
            return
        self._open.remove(stream)
        self._by_caller[stream.caller].remove(stream)
        if not self._by_caller[stream.caller]:
            del self._by_caller[stream.caller]
        if stream.address is not None:
            self._by_address[stream.address] -= 1
            if not self._by_address[stream.address]:
                del self._by_address[stream.address]


def _going_away() -> Unavailable:
    return Unavailable("the service restarts; connect again")
