"""List the messages of a user."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.notification.domain.messages import Message
from services.notification.ports import Work


@dataclass(frozen=True)
class ListNotifications:
    """The user, and the page."""

    user_id: UUID
    before: UUID | None
    """The id after the newest message of the page; None for the first page."""
    size: int


@dataclass(frozen=True)
class ListNotificationsHandler:
    """Reads a page of a user's messages, newest first."""

    work: Work

    async def __call__(self, command: ListNotifications) -> tuple[list[Message], UUID | None]:
        """The page, and the id before which the next one begins; None on the last page."""
        async with self.work.read() as unit:
            found = await unit.messages.page(command.user_id, command.before, command.size + 1)
        page = list(found[: command.size])
        return page, page[-1].id if len(found) > command.size else None
