"""Delete an account: nobody signs in with it any more, and its address is free. What is known of it stays for staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from argosy.event.v1.user_events_pb2 import UserDeleted
from services.chassis import outbox
from services.chassis.postgres import Connection, Postgres
from services.chassis.revocations import Revocations
from services.user import store
from services.user.domain import AccountStatus, User, may_change
from services.user.use_cases.get_user import NoSuchUser


@dataclass(frozen=True)
class DeleteUser:
    """Who deletes which account."""

    caller: UUID
    caller_is_staff: bool
    account_id: UUID


@dataclass(frozen=True)
class DeleteUserHandler:
    """Deletes accounts."""

    postgres: Postgres
    revocations: Revocations

    async def __call__(self, command: DeleteUser) -> User:
        """The account, deleted; its sessions have ended, USER_DELETED is published. A deleted one stays as it is.

        Raises:
            NoSuchUser: also for another person's account.
        """
        if not may_change(command.caller, command.caller_is_staff, command.account_id):
            raise NoSuchUser
        async with self.postgres.transaction("user.delete") as connection:
            status = await store.lock_account(connection, command.account_id)
            if status is not None and status is not AccountStatus.DELETED:
                await self._delete(connection, command.account_id)
            user = await store.user(connection, command.account_id)
        if user is None:
            raise NoSuchUser
        self.revocations.person_gone(str(user.id))
        return user

    @staticmethod
    async def _delete(connection: Connection, account_id: UUID) -> None:
        await store.set_status(connection, account_id, AccountStatus.DELETED)
        await store.end_sessions(connection, account_id)
        await outbox.publish(
            connection, UserDeleted(user_id=str(account_id)), key=str(account_id), subject=str(account_id)
        )
