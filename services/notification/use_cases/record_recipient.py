"""Store a user's address, and send a mail that verifies a new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.notification.domain.messages import Kind, NewMessage
from services.notification.ports import Work
from services.notification.use_cases import outcomes


@dataclass(frozen=True)
class RecordRecipient:
    """The account data of an event."""

    event_id: UUID
    user_id: UUID
    email: str = field(repr=False)
    name: str = field(repr=False)
    """Empty while the address is not verified: anyone may have entered the name."""
    kind: Kind
    """The kind of the message that verifies the address."""
    verification_id: UUID | None
    """The verification request; None: the address needs no verification."""


@dataclass(frozen=True)
class RecordRecipientHandler:
    """Keeps addresses up to date."""

    work: Work

    async def __call__(self, command: RecordRecipient) -> None:
        """Stores the address and the verification message, once per event."""
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
