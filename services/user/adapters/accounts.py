"""Accounts and profiles in PostgreSQL."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.data.postgres import Connection, Record
from services.chassis.rpc.call import STAFF_ROLE
from services.user.domain.accounts import Account, AccountStatus, AccountSummary, EmailTaken, User
from services.user.domain.address_changes import ADDRESS_CHANGE_LIFE
from services.user.domain.people import Person
from services.user.domain.profiles import Profile
from services.user.domain.sign_in import Credentials

_ONE_ACCOUNT_AN_ADDRESS = "users_email"
_ABOVE_ALL_IDS = UUID(int=2**128 - 1)
_LAST_CHARACTER = "\U0010ffff"

ONE_ACCOUNT = """
    SELECT u.id, u.email, u.first_name, u.last_name, u.email_verified, u.account_status, u.created_at,
           u.updated_at, u.last_login, u.phone, u.date_of_birth, p.avatar_url, p.bio, p.preferences, p.address,
           c.new_email
    FROM users u LEFT JOIN user_profiles p ON p.user_id = u.id
    LEFT JOIN address_changes c
        ON c.user_id = u.id AND c.status = 'pending' AND c.created_at > now() - $2::interval
    WHERE u.id = $1
"""
"""An account by $1, its id, with an address that is to be verified within $2. load.chassis_cost runs it alone, too."""


class PostgresAccounts:
    """Accounts on one connection (ports.Accounts)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, account_id: UUID) -> User | None:
        """See ports.Accounts.get."""
        row = await self._connection.fetchrow(ONE_ACCOUNT, account_id, ADDRESS_CHANGE_LIFE)
        return _user(row) if row else None

    async def with_address(self, address_key: str) -> AccountSummary | None:
        """See ports.Accounts.with_address."""
        row = await self._connection.fetchrow(
            """
            SELECT id, email, first_name, last_name, email_verified, account_status, created_at FROM users
            WHERE lower(email COLLATE "C") = $1 AND account_status <> 'deleted'
            """,
            address_key,
        )
        return _summary(row) if row else None

    async def with_prefix(self, prefix_key: str, after: UUID | None, limit: int) -> list[AccountSummary]:
        """See ports.Accounts.with_prefix."""
        rows = await self._connection.fetch(
            """
            SELECT id, email, first_name, last_name, email_verified, account_status, created_at FROM users
            WHERE lower(email COLLATE "C") >= $1 AND lower(email COLLATE "C") < $2
                AND lower(email COLLATE "C") > $3 AND account_status <> 'deleted'
            ORDER BY lower(email COLLATE "C") LIMIT $4
            """,
            prefix_key,
            prefix_key + _LAST_CHARACTER,
            await self._address_key(after) if after else "",
            limit,
        )
        return [_summary(row) for row in rows]

    async def newest(self, before: UUID | None, limit: int) -> list[AccountSummary]:
        """See ports.Accounts.newest. Ids begin with the time at which they were made."""
        rows = await self._connection.fetch(
            """
            SELECT id, email, first_name, last_name, email_verified, account_status, created_at FROM users
            WHERE id < $1 ORDER BY id DESC LIMIT $2
            """,
            before or _ABOVE_ALL_IDS,
            limit,
        )
        return [_summary(row) for row in rows]

    async def credentials_by_address(self, address_key: str) -> Credentials | None:
        """See ports.Accounts.credentials_by_address."""
        row = await self._connection.fetchrow(
            """
            SELECT id, password_hash, account_status FROM users
            WHERE lower(email COLLATE "C") = $1 AND account_status <> 'deleted'
            """,
            address_key,
        )
        return _credentials(row) if row else None

    async def credentials_by_id(self, account_id: UUID) -> Credentials | None:
        """See ports.Accounts.credentials_by_id."""
        row = await self._connection.fetchrow(
            "SELECT id, password_hash, account_status FROM users WHERE id = $1",
            account_id,
        )
        return _credentials(row) if row else None

    async def add(self, account_id: UUID, person: Person, password_hash: bytes) -> Account:
        """See ports.Accounts.add."""
        try:
            row = await self._connection.fetchrow(
                """
                INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES ($1, $2, $3, $4, $5)
                RETURNING id, email, first_name, last_name, created_at, roles
                """,
                account_id,
                person.email,
                password_hash.decode(),
                person.first_name,
                person.last_name,
            )
        except asyncpg.UniqueViolationError as error:
            raise _of(error) from None
        await self._connection.execute("INSERT INTO user_profiles (user_id) VALUES ($1)", account_id)
        return _account(row)

    async def save(self, user: User) -> datetime:
        """See ports.Accounts.save."""
        person, profile = user.person, user.profile
        try:
            updated_at: datetime = await self._connection.fetchval(
                """
                UPDATE users SET email = $2, first_name = $3, last_name = $4, email_verified = $5, phone = $6,
                                 date_of_birth = $7
                WHERE id = $1 RETURNING updated_at
                """,
                user.id,
                person.email,
                person.first_name,
                person.last_name,
                user.email_verified,
                profile.phone,
                profile.date_of_birth,
            )
        except asyncpg.UniqueViolationError as error:
            raise _of(error) from None
        await self._connection.execute(
            """
            INSERT INTO user_profiles (user_id, avatar_url, bio, preferences, address) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (user_id) DO UPDATE SET (avatar_url, bio, preferences, address)
                = (excluded.avatar_url, excluded.bio, excluded.preferences, excluded.address)
            """,
            user.id,
            profile.avatar_url,
            profile.bio,
            _to_json(profile.preferences),
            _to_json(profile.address),
        )
        return updated_at

    async def lock(self, account_id: UUID) -> AccountStatus | None:
        """See ports.Accounts.lock."""
        status = await self._connection.fetchval(
            "SELECT account_status FROM users WHERE id = $1 FOR UPDATE", account_id
        )
        return AccountStatus(status) if status is not None else None

    async def lock_addressed(self, account_id: UUID, address_key: str) -> AccountStatus | None:
        """See ports.Accounts.lock_addressed."""
        status = await self._connection.fetchval(
            'SELECT account_status FROM users WHERE id = $1 AND lower(email COLLATE "C") = $2 FOR UPDATE',
            account_id,
            address_key,
        )
        return AccountStatus(status) if status is not None else None

    async def lock_unchanged(self, credentials: Credentials) -> Account | None:
        """See ports.Accounts.lock_unchanged."""
        row = await self._connection.fetchrow(
            """
            SELECT id, email, first_name, last_name, created_at, roles FROM users
            WHERE id = $1 AND account_status = $2 AND password_hash = $3 FOR UPDATE
            """,
            credentials.account_id,
            credentials.status,
            credentials.password_hash.decode(),
        )
        return _account(row) if row else None

    async def lock_staff(self, address_key: str) -> tuple[UUID, bool] | None:
        """See ports.Accounts.lock_staff."""
        row = await self._connection.fetchrow(
            """
            SELECT id, roles FROM users
            WHERE lower(email COLLATE "C") = $1 AND account_status <> 'deleted' FOR UPDATE
            """,
            address_key,
        )
        return (row["id"], STAFF_ROLE in row["roles"]) if row else None

    async def set_staff(self, account_id: UUID, staff: bool) -> None:
        """See ports.Accounts.set_staff."""
        roles = [STAFF_ROLE] if staff else []
        await self._connection.execute("UPDATE users SET roles = $2 WHERE id = $1", account_id, roles)

    async def set_email_verified(self, account_id: UUID) -> None:
        """See ports.Accounts.set_email_verified."""
        await self._connection.execute("UPDATE users SET email_verified = true WHERE id = $1", account_id)

    async def set_password(self, account_id: UUID, password_hash: bytes) -> None:
        """See ports.Accounts.set_password."""
        await self._connection.execute(
            "UPDATE users SET password_hash = $2 WHERE id = $1", account_id, password_hash.decode()
        )

    async def set_status(self, account_id: UUID, status: AccountStatus) -> None:
        """See ports.Accounts.set_status."""
        await self._connection.execute("UPDATE users SET account_status = $2 WHERE id = $1", account_id, status)

    async def set_last_login(self, account_id: UUID) -> None:
        """See ports.Accounts.set_last_login."""
        await self._connection.execute("UPDATE users SET last_login = now() WHERE id = $1", account_id)

    async def _address_key(self, account_id: UUID) -> str:
        """The form by which the account's address is compared; empty for an unknown account."""
        key: str | None = await self._connection.fetchval(
            'SELECT lower(email COLLATE "C") FROM users WHERE id = $1', account_id
        )
        return key or ""


def _credentials(row: Record) -> Credentials:
    return Credentials(row["id"], row["password_hash"].encode(), AccountStatus(row["account_status"]))


def _person(row: Record) -> Person:
    return Person(row["email"], row["first_name"], row["last_name"])


def _account(row: Record) -> Account:
    return Account(row["id"], _person(row), row["created_at"], tuple(row["roles"]))


def _summary(row: Record) -> AccountSummary:
    status = AccountStatus(row["account_status"])
    return AccountSummary(row["id"], _person(row), row["email_verified"], status, row["created_at"])


def _user(row: Record) -> User:
    return User(
        id=row["id"],
        person=_person(row),
        email_verified=row["email_verified"],
        status=AccountStatus(row["account_status"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_login=row["last_login"],
        profile=Profile(
            avatar_url=row["avatar_url"],
            bio=row["bio"],
            preferences=_from_json(row["preferences"]),
            address=_from_json(row["address"]),
            phone=row["phone"],
            date_of_birth=row["date_of_birth"],
        ),
        pending_email=row["new_email"],
    )


def _of(error: asyncpg.UniqueViolationError) -> Exception:
    return EmailTaken() if error.constraint_name == _ONE_ACCOUNT_AN_ADDRESS else error


def _to_json(value: dict[str, Any] | None) -> str | None:
    return json.dumps(value) if value is not None else None


def _from_json(text: str | None) -> dict[str, Any] | None:
    return json.loads(text) if text is not None else None
