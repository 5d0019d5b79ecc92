"""List the messages that could not be sent, for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.notification.domain.messages import ParkedMessage
from services.notification.ports import Work


@dataclass(frozen=True)
class ListParked:
    """The maximum number."""

    limit: int


@dataclass(frozen=True)
class ListParkedHandler:
    """Reads parked messages."""

    work: Work

    async def __call__(self, command: ListParked) -> Sequence[ParkedMessage]:
        """Parked messages, oldest first."""
        async with self.work.read() as unit:
            return await unit.messages.oldest_parked(command.limit)
