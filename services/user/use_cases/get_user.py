"""Show an account to its owner, or to staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Postgres
from services.user import store
from services.user.domain import User, may_read


class NoSuchUser(Exception):
    """There is no such account, or it is somebody else's: the two are told alike."""

    def __init__(self) -> None:
        super().__init__("user not found")


@dataclass(frozen=True)
class GetUser:
    """Who wants to read which account."""

    reader: UUID
    reader_is_staff: bool
    account_id: UUID


@dataclass(frozen=True)
class GetUserHandler:
    """Reads accounts."""

    postgres: Postgres

    async def __call__(self, query: GetUser) -> User:
        """The account with its profile. Raises NoSuchUser."""
        if not may_read(query.reader, query.reader_is_staff, query.account_id):
            raise NoSuchUser
        async with self.postgres.connection() as connection:
            user = await store.user(connection, query.account_id)
        if user is None:
            raise NoSuchUser
        return user
