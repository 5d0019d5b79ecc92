"""Housekeeping: deletes expired rows in batches, so that tables stay small.

`app.background("housekeeping", Housekeeping(postgres).run)`. Several processes may do it at once. A service adds a
`Chore` for each of its own tables that grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.chassis.data import idempotency, inbox, outbox
from services.chassis.data.postgres import Connection, Postgres
from services.chassis.plain import clock, transient
from services.chassis.plain.crash_points import reach

EVERY_SECONDS = 60.0
BATCH = 1_000

Prune = Callable[[Connection, datetime, int], Awaitable[int]]
"""`prune(connection, before, limit)` deletes at most `limit` rows that expired before `before`; returns the number."""


@dataclass(frozen=True)
class Chore:
    """The pruning of one table."""

    table: str
    prune: Prune
    keep: timedelta
    """How long a row is kept: `before` is now minus this."""


_CHORES = (
    Chore("outbox", outbox.prune, outbox.KEEP),
    Chore("inbox", inbox.prune, inbox.KEEP),
    Chore("idempotency_keys", idempotency.prune, idempotency.KEEP),
)

_log = structlog.get_logger()


class Housekeeping:
    """Prunes outbox, inbox, idempotency keys, and the tables of a service's own chores."""

    def __init__(
        self, postgres: Postgres, *chores: Chore, every_seconds: float = EVERY_SECONDS, batch: int = BATCH
    ) -> None:
        self._postgres = postgres
        self._chores = (*_CHORES, *chores)
        self._every_seconds = every_seconds
        self._batch = batch

    async def run(self) -> None:
        """Prune until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._every_seconds)

    async def once(self) -> None:
        """Delete all expired rows, each batch in its own transaction.

        A chore that fails is logged and repeated in the next round. The others still run.
        """
        for chore in self._chores:
            try:
                deleted = await self._prune(chore.prune, clock.now() - chore.keep)
            except Exception as error:
                _log_failure(chore, error)
                continue
            if deleted:
                _log.info("pruned", table=chore.table, rows=deleted)

    async def _prune(self, prune: Prune, before: datetime) -> int:
        deleted = 0
        while True:
            async with self._postgres.connection() as connection:
                batch = await prune(connection, before, self._batch)
            if batch:
                reach("housekeeping.pruned")
            deleted += batch
            if batch < self._batch:
                return deleted


def _log_failure(chore: Chore, error: Exception) -> None:
    if transient.is_transient(error):
        _log.warning("pruning_put_off", table=chore.table, error=transient.reason(error))
    else:
        _log.error("pruning_failed", table=chore.table, exc_info=error)
