"""The time by the document store's clock: one clock for all replicas, whether or not their own are right (ports.Now).

An order's age decides whether it is cancelled, and a commit's age whether it is overdue. If each replica wrote its own
time into commits, the orders of one whose clock is an hour behind would be cancelled while they are being paid, and the
orders of one whose clock is ahead, and their reserved stock, would wait for an hour longer.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from services.chassis.data.mongo import Mongo
from services.chassis.plain import clock


class StoreClock:
    """A Resource; `look` is repeated by entrypoints/workers.py.

    Between two looks time goes on by this process's monotonic clock, which nobody sets.
    """

    name = "store clock"

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._seen: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The present instant, to the millisecond."""
        if self._seen is None:
            return clock.now()
        instant, at = self._seen
        return clock.to_millisecond(instant + timedelta(seconds=time.monotonic() - at))

    async def start(self) -> None:
        """Looks for the first time. Raises Unavailable while the store is away."""
        await self.look()

    async def stop(self) -> None:
        """Does nothing: it holds nothing."""

    async def check(self) -> None:
        """Does nothing: Mongo has its own check, and the time goes on without the store."""

    async def look(self) -> None:
        """Reads the store's clock. Raises Unavailable."""
        asked = time.monotonic()
        instant = await self._mongo.server_time()
        self._seen = instant, (asked + time.monotonic()) / 2
