"""Write a message to a person because of an event."""

from __future__ import annotations

from dataclasses import dataclass

from services.notification.domain.messages import NewMessage
from services.notification.ports import Work
from services.notification.use_cases import outcomes


@dataclass(frozen=True)
class WriteMessage:
    """The message, with its event."""

    message: NewMessage


@dataclass(frozen=True)
class WriteMessageHandler:
    """Writes messages; sending them is send_messages.py."""

    work: Work

    async def __call__(self, command: WriteMessage) -> None:
        """Writes the message, once an event. One that its reader does not want is dropped."""
        dropped = False
        async with self.work.begin("notification.write") as unit:
            if await unit.first_time(command.message.event_id):
                dropped = await unit.messages.add(command.message)
        if dropped:
            outcomes.count(command.message.kind, "dropped")
