"""Show a person where they are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Postgres
from services.user import store
from services.user.sessions import OpenSession


@dataclass(frozen=True)
class ListSessionsHandler:
    """Reads a person's open sessions, newest first."""

    postgres: Postgres

    async def __call__(self, account_id: UUID, before: UUID | None, size: int) -> tuple[list[OpenSession], UUID | None]:
        """So many sessions older than `before`, and where the next page begins; None on the last."""
        async with self.postgres.connection() as connection:
            found = await store.page_of_sessions(connection, account_id, before, size + 1)
        return found[:size], found[size - 1].id if len(found) > size else None
