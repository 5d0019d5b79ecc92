"""Look at the messages that could not be sent, and have them tried again. An operator's doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis.postgres import Postgres
from services.notification import parked
from services.notification.parked import Parked

_log = structlog.get_logger()


@dataclass(frozen=True)
class LookAfterParked:
    """Reads parked messages and lets go of them."""

    postgres: Postgres

    async def oldest(self, limit: int) -> list[Parked]:
        """So many parked messages, oldest first."""
        async with self.postgres.connection() as connection:
            return await parked.oldest(connection, limit)

    async def retry(self, ids: Sequence[UUID] | None, operator: str) -> list[UUID]:
        """Have these sent, or all; answers which. Those that are not parked stay as they are."""
        async with self.postgres.transaction("notification.retry") as connection:
            found = await parked.try_again(connection, ids)
        for message_id in found:
            _log.info("mail_retried", audit=True, message_id=str(message_id), operator=operator)
        return found
