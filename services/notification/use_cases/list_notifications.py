"""Show a person what was sent to them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Postgres
from services.notification import store
from services.notification.store import Message


@dataclass(frozen=True)
class ListNotifications:
    """Reads a person's messages, newest first."""

    postgres: Postgres

    async def __call__(self, user_id: UUID, before: UUID | None, size: int) -> tuple[list[Message], UUID | None]:
        """So many messages older than `before`, and where the next page begins; None on the last."""
        async with self.postgres.connection() as connection:
            found = await store.page_of_messages(connection, user_id, before, size + 1)
        return found[:size], found[size - 1].id if len(found) > size else None
