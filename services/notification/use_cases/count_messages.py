"""Say how many messages wait and how many are parked, to alarm somebody by."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prometheus_client import Gauge

from services.chassis.postgres import Postgres
from services.notification import parked

EVERY_SECONDS = 15.0
_STANDING = Gauge("argosy_messages_unsent", "Messages that were not sent (yet), by where they stand.", ["status"])


@dataclass(frozen=True)
class CountMessages:
    """Counts from time to time. Every replica says the same."""

    postgres: Postgres

    async def run(self) -> None:
        """Count, wait; until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self) -> None:
        """Set `argosy_messages_unsent`."""
        async with self.postgres.connection() as connection:
            for status, count in (await parked.counts(connection)).items():
                _STANDING.labels(status).set(count)
