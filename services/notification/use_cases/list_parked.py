"""List the messages that could not be sent, for an operator or staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain import ids
from services.notification.domain.messages import ParkedMessage
from services.notification.ports import Work


@dataclass(frozen=True)
class ListParked:
    """The page."""

    size: int
    after: UUID = ids.NIL
    """The last message of the page before."""


@dataclass(frozen=True)
class ListParkedHandler:
    """Reads a page of parked messages, oldest first."""

    work: Work

    async def __call__(self, command: ListParked) -> tuple[Sequence[ParkedMessage], UUID | None]:
        """The page, and the message after which the next one begins; None on the last page."""
        async with self.work.read() as unit:
            found = await unit.messages.oldest_parked(command.after, command.size + 1)
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
