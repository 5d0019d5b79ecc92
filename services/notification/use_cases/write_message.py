"""Store a message to a user because of an event."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.plain.crash_points import reach
from services.notification.domain.messages import NewMessage
from services.notification.ports import Work
from services.notification.use_cases import outcomes


@dataclass(frozen=True)
class WriteMessage:
    """The message, and its event."""

    message: NewMessage


@dataclass(frozen=True)
class WriteMessageHandler:
    """Stores messages; send_messages.py sends them."""

    work: Work

    async def __call__(self, command: WriteMessage) -> None:
        """Stores the message, once per event. It is dropped if its reader does not want its kind.

        It needs no inbox: messages are kept for longer than their events.
        """
        async with self.work.read() as unit:  # one statement needs no transaction, hence points by hand
            reach("notification.write.before_commit")
            dropped = await unit.messages.add(command.message)
        reach("notification.write.committed")
        if dropped:
            outcomes.count(command.message.kind, "dropped")
