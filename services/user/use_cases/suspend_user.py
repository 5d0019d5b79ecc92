"""Suspend a user, who can then not sign in, or reinstate them. Only staff may do this; all data stays."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from services.user.domain.accounts import AccountStatus, NoSuchUser, User, suspended
from services.user.ports import Revocations, UserUnit, Work
from services.user.use_cases.end_all_sessions import end_all_sessions

_log = structlog.get_logger()


@dataclass(frozen=True)
class SuspendUser:
    """The account, the caller, and whether to suspend or reinstate."""

    staff_id: UUID
    account_id: UUID
    suspend: bool


@dataclass(frozen=True)
class SuspendUserHandler:
    """Suspends and reinstates accounts. Idempotent."""

    work: Work
    revocations: Revocations

    async def __call__(self, command: SuspendUser) -> User:
        """The changed account. Suspending ends its sessions and publishes SessionRevoked for each.

        Raises:
            NoSuchUser: there is no such account.
            AccountDeleted: the account is deleted.
            OwnAccount: staff cannot suspend themself.
        """
        async with self.work.begin("user.suspend") as unit:
            user, changed, ended = await self._change(unit, command)
        for session_id in ended:
            self.revocations.session_ended(session_id)
        if changed:
            event = "user_suspended" if command.suspend else "user_reinstated"
            _log.info(event, audit=True, user_id=str(command.account_id), by=str(command.staff_id))
        return user

    @staticmethod
    async def _change(unit: UserUnit, command: SuspendUser) -> tuple[User, bool, list[UUID]]:
        status = await unit.accounts.lock(command.account_id)
        if status is None:
            raise NoSuchUser
        after = suspended(status, command.suspend, own=command.staff_id == command.account_id)
        ended: list[UUID] = []
        if after is not status:
            await unit.accounts.set_status(command.account_id, after)
        if after is AccountStatus.SUSPENDED:
            ended = await end_all_sessions(unit, command.account_id)
        user = await unit.accounts.get(command.account_id)
        if user is None:
            raise NoSuchUser
        return user, after is not status, ended
