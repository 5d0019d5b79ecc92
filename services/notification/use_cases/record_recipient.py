"""Record where a person is written to, and ask them to verify a new address."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.notification.domain.messages import Kind, NewMessage
from services.notification.ports import Work
from services.notification.use_cases import outcomes


@dataclass(frozen=True)
class RecordRecipient:
    """What an event says of an account."""

    event_id: UUID
    user_id: UUID
    email: str = field(repr=False)
    name: str = field(repr=False)
    kind: Kind
    """The message that asks to verify the address."""
    verification_id: UUID | None
    """The request to verify the address; None: it needs no verification."""


@dataclass(frozen=True)
class RecordRecipientHandler:
    """Keeps addresses in step with accounts."""

    work: Work

    async def __call__(self, command: RecordRecipient) -> None:
        """Records the address, and writes the message that verifies it; once an event."""
        dropped = False
        async with self.work.begin("notification.recipient") as unit:
            if await unit.first_time(command.event_id):
                await unit.recipients.keep(command.user_id, command.email, command.name)
                if command.verification_id is not None:
                    message = NewMessage(
                        command.event_id, command.user_id, command.kind, mail_request_id=command.verification_id
                    )
                    dropped = await unit.messages.add(message)
        if dropped:
            outcomes.count(command.kind, "dropped")
