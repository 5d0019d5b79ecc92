"""List the open sessions of a user."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.sessions import OpenSession
from services.user.ports import Work


@dataclass(frozen=True)
class ListSessions:
    """The user, and the page."""

    account_id: UUID
    before: UUID | None
    """The session before the first one of the page; None for the first page."""
    size: int


@dataclass(frozen=True)
class ListSessionsHandler:
    """Reads a page of a user's open sessions, newest first."""

    work: Work

    async def __call__(self, command: ListSessions) -> tuple[list[OpenSession], UUID | None]:
        """The page, and the session after which the next one begins; None on the last page."""
        async with self.work.read() as unit:
            found = await unit.sessions.page(command.account_id, command.before, command.size + 1)
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
