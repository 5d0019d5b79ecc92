"""Limits concurrent calls: a call over its bulkhead's limit waits briefly, or is refused before anything is done.

Without a limit, all calls begin at once, and each takes as long as all together. A refused caller knows at once.

A short burst may wait for up to a second. If calls still wait long, or are refused, after that, it is overload: then
few may wait, so that those who are admitted are answered soon ("controlled delay": Maurer, Fail at Scale, ACM Queue
13 (8), 2015). It ends when there has been no such call for longer than refused callers stay away.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable

from services.chassis.plain.errors import SOON, Overloaded
from services.chassis.rpc.contract import Bulkhead
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView

_LONGEST_WAIT = 1.0
"""Seconds: of one call, and from the first call in excess until overload."""
_LONG_WAIT = 0.25
"""Seconds: a call that waits longer is in excess, as is one that is refused."""
_CALM = 2 * SOON.total_seconds()
"""Seconds without a call in excess that end an overload."""
_LEFT_IN_OVERLOAD = 4
"""In overload, one call may wait for so many that may be in flight: enough that no place stays free."""


class Bulkheads:
    """The calls in flight of one process, by bulkhead."""

    def __init__(self) -> None:
        self._by_name: dict[str, BoundedCalls] = {}

    def of(self, bulkhead: Bulkhead) -> BoundedCalls:
        """The calls of a bulkhead, which its rpcs share."""
        return self._by_name.setdefault(bulkhead.name, BoundedCalls(bulkhead))


class BoundedCalls:
    """The calls in flight of one bulkhead, up to its limit, and those that wait for a place."""

    def __init__(self, bulkhead: Bulkhead, now: Callable[[], float] = time.monotonic) -> None:
        self._bulkhead = bulkhead
        self._now = now
        self._in_flight = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._excess_since = -math.inf
        """Since when there are calls in excess, without calm between them."""
        self._last_excess = -math.inf

    def enter(self) -> bool:
        """Count a call. False: there are as many as allowed, so it has to `wait`."""
        if self._in_flight >= self._bulkhead.max_in_flight:
            return False
        self._in_flight += 1
        return True

    async def wait(self) -> None:
        """Wait until a call ends whose place this one takes. Raises Overloaded: too many wait, or it took a second."""
        if len(self._queue) >= self._most_waiting():
            self._note_excess()
            raise Overloaded
        began = self._now()
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        self._queue.append(place)
        timer = loop.call_later(_LONGEST_WAIT, _give_up, place)
        try:
            await place
        except BaseException:
            self._abandon(place)
            raise
        finally:
            timer.cancel()
            if self._now() - began > _LONG_WAIT:
                self._note_excess()

    def leave(self) -> None:
        """Count a call that has ended, or give its place to the one that has waited longest."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._in_flight -= 1

    def _most_waiting(self) -> int:
        now = self._now()
        if now - self._excess_since < _LONGEST_WAIT or now - self._last_excess >= _CALM:
            return self._bulkhead.max_waiting
        return min(self._bulkhead.max_waiting, self._bulkhead.max_in_flight // _LEFT_IN_OVERLOAD)

    def _note_excess(self) -> None:
        now = self._now()
        if now - self._last_excess >= _CALM:
            self._excess_since = now
        self._last_excess = now

    def _abandon(self, place: asyncio.Future[None]) -> None:
        """The call was refused or cancelled. It may have been given its place a moment before."""
        if place.done() and not place.cancelled() and place.exception() is None:
            self.leave()
        with contextlib.suppress(ValueError):
            self._queue.remove(place)


def _give_up(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(Overloaded())


def limit(method: MethodPolicyView, bulkheads: Bulkheads, proceed: Step) -> Step:
    """Refuse calls over the limit. Streams have limits of their own (streams.py)."""
    if method.streams:
        return proceed
    calls = bulkheads.of(method.bulkhead)

    async def limited(exchange: Exchange) -> bytes:
        if not calls.enter():
            await calls.wait()
        try:
            return await proceed(exchange)
        finally:
            calls.leave()

    return limited
