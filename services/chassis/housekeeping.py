"""Housekeeping: what the chassis' tables no longer need is deleted, a little at a time, so that they stay small.

`app.background("housekeeping", Housekeeping(postgres).run)`; any number of processes may do it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from services.chassis import clock, idempotency, inbox, outbox
from services.chassis.postgres import Connection, Postgres

EVERY_SECONDS = 60.0
BATCH = 1_000

Prune = Callable[[Connection, datetime, int], Awaitable[int]]

_CHORES: tuple[tuple[str, Prune, timedelta], ...] = (
    ("outbox", outbox.prune, outbox.KEEP),
    ("inbox", inbox.prune, inbox.KEEP),
    ("idempotency_keys", idempotency.prune, idempotency.KEEP),
)

_log = structlog.get_logger()


class Housekeeping:
    """Prunes outbox, inbox and idempotency keys."""

    def __init__(self, postgres: Postgres, *, every_seconds: float = EVERY_SECONDS, batch: int = BATCH) -> None:
        self._postgres = postgres
        self._every_seconds = every_seconds
        self._batch = batch

    async def run(self) -> None:
        """Prune until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._every_seconds)

    async def once(self) -> None:
        """Delete everything that is over its time, in batches of their own transactions."""
        for table, prune, keep in _CHORES:
            deleted = await self._prune(prune, clock.now() - keep)
            if deleted:
                _log.info("pruned", table=table, rows=deleted)

    async def _prune(self, prune: Prune, before: datetime) -> int:
        deleted = 0
        while True:
            async with self._postgres.connection() as connection:
                batch = await prune(connection, before, self._batch)
            deleted += batch
            if batch < self._batch:
                return deleted
