"""Change an account and its profile."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from argosy.event.v1.user_events_pb2 import UserUpdated
from services.chassis import outbox
from services.chassis.postgres import Connection, Postgres
from services.user import mail_requests, store
from services.user.domain import Changes, Purpose, User, changed, may_change
from services.user.use_cases.get_user import NoSuchUser


@dataclass(frozen=True)
class ChangeUser:
    """Who changes what of which account."""

    caller: UUID
    caller_is_staff: bool
    account_id: UUID
    changes: Changes


@dataclass(frozen=True)
class ChangeUserHandler:
    """Changes accounts: changes that are made at once take turns, none undoes another's fields."""

    postgres: Postgres

    async def __call__(self, command: ChangeUser) -> User:
        """The account as it is now; USER_UPDATED is published if that is not what it was.

        Raises:
            NoSuchUser: also for another person's account.
            AccountDeleted: it is nobody's any more.
            InvalidPerson: a name is none.
            EmailTaken: somebody else has the new address.
        """
        if not may_change(command.caller, command.caller_is_staff, command.account_id):
            raise NoSuchUser
        async with self.postgres.transaction("user.change") as connection:
            return await self._change(connection, command)

    async def _change(self, connection: Connection, command: ChangeUser) -> User:
        await store.lock_account(connection, command.account_id)
        before = await store.user(connection, command.account_id)
        if before is None:
            raise NoSuchUser
        after = changed(before, command.changes)
        if after == before:
            return before
        updated_at = await store.save(connection, after)
        event = UserUpdated(user_id=str(after.id), email=after.person.email, name=after.person.full_name)
        if after.person.address_key != before.person.address_key:
            event.verification_id = str(await self._ask_to_verify(connection, after))
        await outbox.publish(connection, event, key=str(after.id), subject=str(after.id))
        return after.as_of(updated_at)

    @staticmethod
    async def _ask_to_verify(connection: Connection, user: User) -> UUID:
        """The request for a token to the new address; what was mailed to the old one is void."""
        await mail_requests.void(connection, user.id, Purpose.PASSWORD_RESET)
        key = user.person.address_key
        return await mail_requests.open_request(connection, user.id, Purpose.EMAIL_VERIFICATION, key)
