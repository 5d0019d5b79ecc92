"""End a session before it expires: sign out, here or on another device."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.facts import SessionRevoked
from services.user.domain.sessions import NoSuchSession
from services.user.ports import Revocations, Work


@dataclass(frozen=True)
class EndSession:
    """The user, and the session."""

    account_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class EndSessionHandler:
    """Ends sessions."""

    work: Work
    revocations: Revocations

    async def __call__(self, command: EndSession) -> None:
        """Ends the session. Its token is rejected here at once, elsewhere when SessionRevoked arrives.

        Does nothing for a session that has already ended.

        Raises:
            NoSuchSession: also for another person's session.
        """
        async with self.work.begin("user.end_session") as unit:
            await unit.accounts.lock(command.account_id)
            if not await unit.sessions.belongs(command.account_id, command.session_id):
                raise NoSuchSession
            if await unit.sessions.end(command.account_id, command.session_id):
                await unit.publish(SessionRevoked(command.account_id, command.session_id))
        self.revocations.session_ended(command.session_id)
