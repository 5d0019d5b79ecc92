"""Accounts, profiles and sessions, in PostgreSQL.

Functions take the connection whose transaction they belong to.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.call import STAFF_ROLE
from services.chassis.postgres import Connection, Record, affected
from services.user.domain import Account, AccountStatus, Credentials, EmailTaken, Person, Profile, User
from services.user.sessions import Client, OpenSession, Session

KEEP_SESSIONS = timedelta(days=1)
"""How long an expired session is kept, to look at."""

_ONE_ACCOUNT_AN_ADDRESS = "users_email"


async def address_taken(connection: Connection, address_key: str) -> bool:
    """Whether an account that is not deleted has the address."""
    return await credentials_by_address(connection, address_key) is not None


async def credentials_by_address(connection: Connection, address_key: str) -> Credentials | None:
    """What signing in with an address is decided by; None: no account has it, deleted ones apart."""
    row = await connection.fetchrow(
        """
        SELECT id, password_hash, account_status FROM users
        WHERE lower(email COLLATE "C") = $1 AND account_status <> 'deleted'
        """,
        address_key,
    )
    return _credentials(row) if row else None


async def credentials_by_id(connection: Connection, account_id: UUID) -> Credentials | None:
    """The same for one account, deleted ones as well."""
    row = await connection.fetchrow(
        "SELECT id, password_hash, account_status FROM users WHERE id = $1",
        account_id,
    )
    return _credentials(row) if row else None


async def staff_by_address(connection: Connection, address_key: str) -> tuple[UUID, bool] | None:
    """The account with that address, locked until the transaction ends, and whether it is of the staff."""
    row = await connection.fetchrow(
        """
        SELECT id, roles FROM users
        WHERE lower(email COLLATE "C") = $1 AND account_status <> 'deleted' FOR UPDATE
        """,
        address_key,
    )
    return (row["id"], STAFF_ROLE in row["roles"]) if row else None


async def set_staff(connection: Connection, account_id: UUID, staff: bool) -> None:
    """Make the account one of the staff, or one that is not."""
    roles = [STAFF_ROLE] if staff else []
    await connection.execute("UPDATE users SET roles = $2 WHERE id = $1", account_id, roles)


async def add_account(connection: Connection, account_id: UUID, person: Person, password_hash: bytes) -> Account:
    """Make an account with an empty profile.

    Raises:
        EmailTaken: somebody has the address. The transaction is of no more use.
    """
    try:
        row = await connection.fetchrow(
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
    await connection.execute("INSERT INTO user_profiles (user_id) VALUES ($1)", account_id)
    return _account(row)


async def still_good(connection: Connection, credentials: Credentials) -> Account | None:
    """The account, locked until the transaction ends; None when it or its password has changed since they were read."""
    row = await connection.fetchrow(
        """
        SELECT id, email, first_name, last_name, created_at, roles FROM users
        WHERE id = $1 AND account_status = $2 AND password_hash = $3 FOR UPDATE
        """,
        credentials.account_id,
        credentials.status,
        credentials.password_hash.decode(),
    )
    return _account(row) if row else None


async def lock_account(connection: Connection, account_id: UUID) -> AccountStatus | None:
    """Where the account stands, until the transaction ends; None when there is none."""
    status = await connection.fetchval("SELECT account_status FROM users WHERE id = $1 FOR UPDATE", account_id)
    return AccountStatus(status) if status is not None else None


async def lock_addressed(connection: Connection, account_id: UUID, address_key: str) -> AccountStatus | None:
    """The same for an account that has this address; None also when it has another by now."""
    status = await connection.fetchval(
        'SELECT account_status FROM users WHERE id = $1 AND lower(email COLLATE "C") = $2 FOR UPDATE',
        account_id,
        address_key,
    )
    return AccountStatus(status) if status is not None else None


async def set_email_verified(connection: Connection, account_id: UUID) -> None:
    """Note that the account's address is its owner's."""
    await connection.execute("UPDATE users SET email_verified = true WHERE id = $1", account_id)


async def set_password(connection: Connection, account_id: UUID, password_hash: bytes) -> None:
    """Give the account another password."""
    await connection.execute("UPDATE users SET password_hash = $2 WHERE id = $1", account_id, password_hash.decode())


async def set_status(connection: Connection, account_id: UUID, status: AccountStatus) -> None:
    """Note where the account stands now."""
    await connection.execute("UPDATE users SET account_status = $2 WHERE id = $1", account_id, status)


async def save(connection: Connection, user: User) -> datetime:
    """Store an account and its profile as they are now; answers when that was.

    Raises:
        EmailTaken: somebody else has the address. The transaction is of no more use.
    """
    person, profile = user.person, user.profile
    try:
        updated_at: datetime = await connection.fetchval(
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
    await connection.execute(
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


async def set_last_login(connection: Connection, account_id: UUID) -> None:
    """Note that the person signed in just now."""
    await connection.execute("UPDATE users SET last_login = now() WHERE id = $1", account_id)


async def add_session(connection: Connection, session: Session) -> None:
    """Store a session; from the commit on it counts."""
    await connection.execute(
        """
        INSERT INTO user_sessions (id, user_id, token_hash, device_info, ip_address, expires_at)
        VALUES ($1, $2, $3, jsonb_build_object('userAgent', $4::text, 'clientApp', $5::text), $6, $7)
        """,
        session.id,
        session.account_id,
        session.token_hash,
        session.client.user_agent,
        session.client.app,
        session.client.ip_address,
        session.expires_at,
    )


async def has_session(connection: Connection, account_id: UUID, session_id: UUID) -> bool:
    """Whether the session is, or was, this account's."""
    row = await connection.fetchrow(
        "SELECT 1 FROM user_sessions WHERE id = $1 AND user_id = $2", session_id, account_id
    )
    return row is not None


async def end_session(connection: Connection, account_id: UUID, session_id: UUID) -> bool:
    """Whether an open session of the account was ended by this."""
    ended = await connection.fetchval(
        """
        UPDATE user_sessions SET revoked = true
        WHERE id = $1 AND user_id = $2 AND NOT revoked AND expires_at > now() RETURNING true
        """,
        session_id,
        account_id,
    )
    return ended is not None


async def end_sessions(connection: Connection, account_id: UUID, but: UUID | None = None) -> list[UUID]:
    """End all open sessions of an account, `but` that one; answers which."""
    rows = await connection.fetch(
        """
        UPDATE user_sessions SET revoked = true
        WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND NOT revoked AND expires_at > now() RETURNING id
        """,
        account_id,
        but,
    )
    return [row["id"] for row in rows]


async def page_of_sessions(
    connection: Connection, account_id: UUID, before: UUID | None, limit: int
) -> list[OpenSession]:
    """At most `limit` open sessions of the account that began before that one, newest first."""
    rows = await connection.fetch(
        """
        SELECT id, device_info, ip_address, created_at, expires_at FROM user_sessions
        WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) AND NOT revoked AND expires_at > now()
        ORDER BY id DESC LIMIT $3
        """,
        account_id,
        before,
        limit,
    )
    return [_open_session(row) for row in rows]


async def prune_sessions(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` sessions that expired before an instant; answers how many."""
    tag: str = await connection.execute(
        """
        DELETE FROM user_sessions WHERE id IN (
            SELECT id FROM user_sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)


async def user(connection: Connection, account_id: UUID) -> User | None:
    """The account with its profile, deleted ones as well."""
    row = await connection.fetchrow(
        """
        SELECT u.id, u.email, u.first_name, u.last_name, u.email_verified, u.account_status, u.created_at,
               u.updated_at, u.last_login, u.phone, u.date_of_birth, p.avatar_url, p.bio, p.preferences, p.address
        FROM users u LEFT JOIN user_profiles p ON p.user_id = u.id WHERE u.id = $1
        """,
        account_id,
    )
    return _user(row) if row else None


def _credentials(row: Record) -> Credentials:
    return Credentials(row["id"], row["password_hash"].encode(), AccountStatus(row["account_status"]))


def _person(row: Record) -> Person:
    return Person(row["email"], row["first_name"], row["last_name"])


def _account(row: Record) -> Account:
    return Account(row["id"], _person(row), row["created_at"], tuple(row["roles"]))


def _open_session(row: Record) -> OpenSession:
    device = json.loads(row["device_info"])
    client = Client(device.get("clientApp", ""), row["ip_address"], device.get("userAgent", ""))
    return OpenSession(row["id"], client, row["created_at"], row["expires_at"])


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
    )


def _of(error: asyncpg.UniqueViolationError) -> Exception:
    return EmailTaken() if error.constraint_name == _ONE_ACCOUNT_AN_ADDRESS else error


def _to_json(value: dict[str, Any] | None) -> str | None:
    return json.dumps(value) if value is not None else None


def _from_json(text: str | None) -> dict[str, Any] | None:
    return json.loads(text) if text is not None else None
