"""Keep a person from signing in, and let them again. Staff's doing; all that is known of them stays."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis.postgres import Connection, Postgres
from services.chassis.revocations import Revocations
from services.user import store
from services.user.domain import AccountStatus, User, suspended
from services.user.use_cases.end_session import end_all_sessions
from services.user.use_cases.get_user import NoSuchUser

_log = structlog.get_logger()


@dataclass(frozen=True)
class SuspendUser:
    """Whose account, by whom, and whether it is to be suspended or reinstated."""

    staff_id: UUID
    account_id: UUID
    suspend: bool


@dataclass(frozen=True)
class SuspendUserHandler:
    """Suspends accounts and reinstates them. As often as one likes: one that stands so already stays as it is."""

    postgres: Postgres
    revocations: Revocations

    async def __call__(self, command: SuspendUser) -> User:
        """The account as it stands now. A suspended one's sessions have ended, SESSION_REVOKED is published for each.

        Raises:
            NoSuchUser: there is no such account.
            AccountDeleted: it is nobody's any more.
            OwnAccount: nobody suspends themself.
        """
        async with self.postgres.transaction("user.suspend") as connection:
            user, changed, ended = await self._change(connection, command)
        for session_id in ended:
            self.revocations.session_ended(str(session_id))
        if changed:
            event = "user_suspended" if command.suspend else "user_reinstated"
            _log.info(event, audit=True, user_id=str(command.account_id), by=str(command.staff_id))
        return user

    @staticmethod
    async def _change(connection: Connection, command: SuspendUser) -> tuple[User, bool, list[UUID]]:
        status = await store.lock_account(connection, command.account_id)
        if status is None:
            raise NoSuchUser
        after = suspended(status, command.suspend, own=command.staff_id == command.account_id)
        ended: list[UUID] = []
        if after is not status:
            await store.set_status(connection, command.account_id, after)
        if after is AccountStatus.SUSPENDED:
            ended = await end_all_sessions(connection, command.account_id)
        user = await store.user(connection, command.account_id)
        if user is None:
            raise NoSuchUser
        return user, after is not status, ended
