"""Read an account, for its owner or for staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.accounts import NoSuchUser, User, may_read
from services.user.ports import Work


@dataclass(frozen=True)
class GetUser:
    """The caller, and the account."""

    reader: UUID
    reader_is_staff: bool
    account_id: UUID


@dataclass(frozen=True)
class GetUserHandler:
    """Reads accounts."""

    work: Work

    async def __call__(self, command: GetUser) -> User:
        """The account with its profile. Raises NoSuchUser."""
        if not may_read(command.reader, command.reader_is_staff, command.account_id):
            raise NoSuchUser
        async with self.work.read() as unit:
            user = await unit.accounts.get(command.account_id)
        if user is None:
            raise NoSuchUser
        return user
