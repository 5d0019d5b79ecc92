"""Change an account and its profile."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.accounts import Changes, NoSuchUser, User, changed, may_change
from services.user.domain.facts import UserUpdated
from services.user.domain.mail_requests import Purpose
from services.user.ports import UserUnit, Work


@dataclass(frozen=True)
class ChangeUser:
    """The caller, the account, and the changes."""

    caller: UUID
    caller_is_staff: bool
    account_id: UUID
    changes: Changes


@dataclass(frozen=True)
class ChangeUserHandler:
    """Changes accounts. Concurrent changes run one after the other: none overwrites another's fields."""

    work: Work

    async def __call__(self, command: ChangeUser) -> User:
        """The changed account; publishes UserUpdated if anything changed.

        Raises:
            NoSuchUser: also for another person's account.
            AccountDeleted: the account is deleted.
            InvalidPerson: a name is not valid.
            EmailTaken: another account has the new address.
        """
        if not may_change(command.caller, command.caller_is_staff, command.account_id):
            raise NoSuchUser
        async with self.work.begin("user.change") as unit:
            return await self._change(unit, command)

    async def _change(self, unit: UserUnit, command: ChangeUser) -> User:
        await unit.accounts.lock(command.account_id)
        before = await unit.accounts.get(command.account_id)
        if before is None:
            raise NoSuchUser
        after = changed(before, command.changes)
        if after == before:
            return before
        updated_at = await unit.accounts.save(after)
        moved = after.person.address_key != before.person.address_key
        verification_id = await self._ask_to_verify(unit, after) if moved else None
        await unit.publish(UserUpdated(after.id, after.person, verification_id))
        return after.as_of(updated_at)

    @staticmethod
    async def _ask_to_verify(unit: UserUnit, user: User) -> UUID:
        """Create a verification request for the new address; tokens mailed to the old one become void."""
        await unit.mail_requests.void(user.id, Purpose.PASSWORD_RESET)
        return await unit.mail_requests.open(user.id, Purpose.EMAIL_VERIFICATION, user.person.address_key)
