"""Delete an account: it can no longer sign in, and its address is free. Its data stays for staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from services.user.domain.accounts import AccountStatus, NoSuchUser, User, may_change
from services.user.domain.facts import UserDeleted
from services.user.ports import Revocations, UserUnit, Work

_log = structlog.get_logger()


@dataclass(frozen=True)
class DeleteUser:
    """The caller, and the account."""

    caller: UUID
    caller_is_staff: bool
    account_id: UUID


@dataclass(frozen=True)
class DeleteUserHandler:
    """Deletes accounts."""

    work: Work
    revocations: Revocations

    async def __call__(self, command: DeleteUser) -> User:
        """The deleted account; ends its sessions and publishes UserDeleted. Idempotent.

        Raises:
            NoSuchUser: also for another person's account.
        """
        if not may_change(command.caller, command.caller_is_staff, command.account_id):
            raise NoSuchUser
        async with self.work.begin("user.delete") as unit:
            status = await unit.accounts.lock(command.account_id)
            if status is not None and status is not AccountStatus.DELETED:
                await self._delete(unit, command.account_id)
            user = await unit.accounts.get(command.account_id)
        if user is None:
            raise NoSuchUser
        if command.caller != command.account_id:
            _log.info("user_deleted_by_staff", audit=True, user_id=str(user.id), by=str(command.caller))
        self.revocations.person_gone(user.id)
        return user

    @staticmethod
    async def _delete(unit: UserUnit, account_id: UUID) -> None:
        await unit.accounts.set_status(account_id, AccountStatus.DELETED)
        await unit.sessions.end_all(account_id)
        await unit.publish(UserDeleted(account_id))
