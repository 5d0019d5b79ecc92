"""What time it is, by the document store's clock: one for all replicas, whatever their own say.

An order's age decides whether it is cancelled, and a commit's whether it is overdue. If each replica wrote its own time
into commits, one whose clock is an hour behind would have its orders cancelled while they are being paid, and one whose
clock is ahead would have them, and what they hold, wait for an hour longer.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import structlog

from services.chassis import clock, logs
from services.chassis.errors import Unavailable
from services.chassis.mongo import Mongo

EVERY_SECONDS = 10.0

_log = structlog.get_logger()


class StoreClock:
    """A Resource, and `app.background("store clock", store_clock.run)`.

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
        """Look for the first time. Raises Unavailable while the store is away."""
        await self.look()

    async def stop(self) -> None:
        """Nothing is held."""

    async def check(self) -> None:
        """Mongo's own check says how the store is; the time goes on without it."""

    async def run(self) -> None:
        """Look again now and then, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.look()
            except Unavailable as error:
                _log.info("store_clock_not_read", error=logs.error_text(error))

    async def look(self) -> None:
        """Read the store's clock. Raises Unavailable."""
        asked = time.monotonic()
        instant = await self._mongo.server_time()
        self._seen = instant, (asked + time.monotonic()) / 2
