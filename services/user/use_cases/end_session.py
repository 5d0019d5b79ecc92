"""End a session before its time: sign out here, or somewhere else."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from argosy.event.v1.user_events_pb2 import SessionRevoked
from services.chassis import outbox
from services.chassis.postgres import Connection, Postgres
from services.chassis.revocations import Revocations
from services.user import store


class NoSuchSession(Exception):
    """There is no such session, or it is somebody else's: the two are told alike."""

    def __init__(self) -> None:
        super().__init__("there is no such session")


@dataclass(frozen=True)
class EndSession:
    """Whose session ends, and which."""

    account_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class EndSessionHandler:
    """Ends sessions."""

    postgres: Postgres
    revocations: Revocations

    async def __call__(self, command: EndSession) -> None:
        """From now on its token is useless: here at once, elsewhere as soon as SESSION_REVOKED has travelled.

        A session that has ended already stays as it is.

        Raises:
            NoSuchSession: also for another person's.
        """
        async with self.postgres.transaction("user.end_session") as connection:
            await store.lock_account(connection, command.account_id)
            if not await store.has_session(connection, command.account_id, command.session_id):
                raise NoSuchSession
            if await store.end_session(connection, command.account_id, command.session_id):
                await tell_session_ended(connection, command.account_id, command.session_id)
        self.revocations.session_ended(str(command.session_id))


async def tell_session_ended(connection: Connection, account_id: UUID, session_id: UUID) -> None:
    """Publish SESSION_REVOKED. The account is locked by the transaction, so that its events keep their order."""
    event = SessionRevoked(user_id=str(account_id), session_id=str(session_id))
    await outbox.publish(connection, event, key=str(account_id), subject=str(account_id))


async def end_all_sessions(connection: Connection, account_id: UUID, but: UUID | None = None) -> list[UUID]:
    """End an account's open sessions, `but` that one, and publish SESSION_REVOKED for each; answers which.

    The account is locked by the transaction.
    """
    ended = await store.end_sessions(connection, account_id, but)
    for session_id in ended:
        await tell_session_ended(connection, account_id, session_id)
    return ended
