"""Delete the data of a user whose account was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.notification.ports import Work
from services.notification.use_cases import outcomes


@dataclass(frozen=True)
class ForgetRecipient:
    """The user, and the event."""

    event_id: UUID
    user_id: UUID


@dataclass(frozen=True)
class ForgetRecipientHandler:
    """Deletes a user's address and preferences."""

    work: Work

    async def __call__(self, command: ForgetRecipient) -> None:
        """Deletes address and preferences and drops waiting messages, once per event; later ones are dropped too."""
        dropped: Sequence[str] = ()
        async with self.work.begin("notification.forget") as unit:
            if await unit.first_time(command.event_id):
                dropped = await unit.recipients.forget(command.user_id)
        for message_type in dropped:
            outcomes.count(message_type, "dropped")
