"""Give back the stock of holds that nobody used in time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis.postgres import Postgres
from services.inventory import store
from services.inventory.domain import ReleaseReason
from services.inventory.use_cases.release_reservation import ReleaseReservation

BATCH = 100
_log = structlog.get_logger()


@dataclass(frozen=True)
class ExpireHolds:
    """Looks for ended holds from time to time. Any number of replicas may look at once: each hold is released once."""

    postgres: Postgres
    release: ReleaseReservation
    every_seconds: float

    async def run(self) -> None:
        """Look, release, wait; until cancelled."""
        while True:
            while await self.once() == BATCH:
                pass
            await asyncio.sleep(self.every_seconds)

    async def once(self) -> int:
        """Release one batch of ended holds; answers how many it looked at."""
        async with self.postgres.connection() as connection:
            order_ids = await store.expired(connection, BATCH)
        for order_id in order_ids:
            await self._expire(order_id)
        return len(order_ids)

    async def _expire(self, order_id: UUID) -> None:
        async with self.postgres.transaction() as connection:
            if not await store.lock_expired(connection, order_id):
                return
            await self.release(connection, order_id, ReleaseReason.EXPIRED)
        _log.info("hold_expired", order_id=str(order_id))
