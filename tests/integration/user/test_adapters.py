"""Accounts and sessions on a real PostgreSQL."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from ipaddress import ip_address
from uuid import UUID

import pytest

from services.chassis.data.postgres import Postgres
from services.chassis.plain import clock
from services.chassis.plain.ids import new_id
from services.user.adapters import sessions as adapter
from services.user.adapters.accounts import PostgresAccounts
from services.user.adapters.sessions import PostgresSessions
from services.user.domain.accounts import Account, AccountStatus, EmailTaken
from services.user.domain.people import Person
from services.user.domain.profiles import Profile
from services.user.domain.sessions import Client, Session
from services.user.domain.sign_in import Credentials

HASH = b"$2b$12$" + b"x" * 53
ADA = Person("Ada@example.com", "Ada", "Tour")


async def add(postgres: Postgres, person: Person = ADA) -> Account:
    async with postgres.transaction() as connection:
        return await PostgresAccounts(connection).add(new_id(), person, HASH)


def session(account_id: UUID, expires_at: datetime, ip: str | None = "2001:db8::1") -> Session:
    client = Client("mobile-app", ip_address(ip) if ip else None, 'quotes " and \\ in it')
    return Session(new_id(), account_id, client, expires_at, token=str(new_id()))


async def test_an_account_is_found_by_its_address_in_any_case(postgres: Postgres) -> None:
    account = await add(postgres)
    async with postgres.connection() as connection:
        found = await PostgresAccounts(connection).credentials_by_address("ada@example.com")
        assert found == Credentials(account.id, HASH, AccountStatus.ACTIVE)
        assert await PostgresAccounts(connection).credentials_by_id(account.id) == found


async def test_a_deleted_account_is_found_by_its_id_alone(postgres: Postgres) -> None:
    account = await add(postgres)
    await postgres.execute("UPDATE users SET account_status = 'deleted'")
    async with postgres.connection() as connection:
        assert await PostgresAccounts(connection).credentials_by_address("ada@example.com") is None
        found = await PostgresAccounts(connection).credentials_by_id(account.id)
    assert found is not None
    assert found.status is AccountStatus.DELETED


async def test_a_taken_address_is_refused_and_leaves_nothing(postgres: Postgres) -> None:
    await add(postgres)
    with pytest.raises(EmailTaken):
        await add(postgres, Person("ADA@EXAMPLE.COM", "Eve", "Tour"))
    assert await postgres.fetchval("SELECT count(*) FROM users") == 1
    assert await postgres.fetchval("SELECT count(*) FROM user_profiles") == 1


async def test_credentials_are_good_until_something_changes(postgres: Postgres) -> None:
    account = await add(postgres)
    read = Credentials(account.id, HASH, AccountStatus.ACTIVE)
    async with postgres.transaction() as connection:
        assert await PostgresAccounts(connection).lock_unchanged(read) == account
    for change in ("password_hash = replace(password_hash, 'x', 'y')", "account_status = 'suspended'"):
        async with postgres.transaction() as connection:
            await connection.execute(f"UPDATE users SET {change}")
            assert await PostgresAccounts(connection).lock_unchanged(read) is None
            await connection.execute("UPDATE users SET password_hash = $1, account_status = 'active'", HASH.decode())


@pytest.mark.parametrize("ip", ["203.0.113.7", "2001:db8::1", None])
async def test_a_session_keeps_a_hash_and_where_it_came_from(postgres: Postgres, ip: str | None) -> None:
    account = await add(postgres)
    expires_at = clock.now() + timedelta(hours=24)
    new = session(account.id, expires_at, ip)
    async with postgres.transaction() as connection:
        await PostgresSessions(connection).add(new)
    row = await postgres.fetchrow("SELECT *, device_info::text AS device, host(ip_address) AS host FROM user_sessions")
    assert row is not None
    assert (row["id"], row["user_id"], row["expires_at"], row["revoked"]) == (new.id, account.id, expires_at, False)
    assert row["token_hash"] == hashlib.sha256(new.token.encode()).digest()
    assert row["host"] == ip
    assert row["device"] == '{"clientApp": "mobile-app", "userAgent": "quotes \\" and \\\\ in it"}'


async def test_a_user_is_the_account_with_its_profile(postgres: Postgres) -> None:
    account = await add(postgres)
    await postgres.execute(
        "UPDATE users SET phone = '+32 1', date_of_birth = '1990-12-10', email_verified = true, last_login = 'epoch'"
    )
    await postgres.execute(
        """
        UPDATE user_profiles SET avatar_url = 'https://example.com/a.png', bio = 'Counts.',
            preferences = '{"theme": "dark", "sizes": [1, null]}', address = '{"city": "Aalst"}'
        """
    )
    async with postgres.connection() as connection:
        user = await PostgresAccounts(connection).get(account.id)
    assert user is not None
    assert (user.id, user.person, user.status, user.email_verified) == (account.id, ADA, AccountStatus.ACTIVE, True)
    assert user.created_at == account.created_at
    assert user.last_login is not None
    assert user.last_login.year == 1970
    assert user.profile == Profile(
        avatar_url="https://example.com/a.png",
        bio="Counts.",
        preferences={"theme": "dark", "sizes": [1, None]},
        address={"city": "Aalst"},
        phone="+32 1",
        date_of_birth=date(1990, 12, 10),
    )


async def test_a_new_account_has_an_empty_profile_and_an_unknown_id_nothing(postgres: Postgres) -> None:
    account = await add(postgres)
    async with postgres.connection() as connection:
        user = await PostgresAccounts(connection).get(account.id)
        assert user is not None
        assert (user.profile, user.last_login, user.email_verified) == (Profile(), None, False)
        assert await PostgresAccounts(connection).get(new_id()) is None


async def test_pruning_forgets_the_sessions_that_ended_longest_ago(postgres: Postgres) -> None:
    account, now = await add(postgres), clock.now()
    sessions = [session(account.id, now + timedelta(days=days)) for days in (-3, -2, -1, 1)]
    async with postgres.transaction() as connection:
        for each in sessions:
            await PostgresSessions(connection).add(each)
        assert await adapter.prune(connection, now, limit=2) == 2
        assert await adapter.prune(connection, now, limit=2) == 1
        assert await adapter.prune(connection, now, limit=2) == 0
    rows = await postgres.fetch("SELECT id FROM user_sessions")
    assert [row["id"] for row in rows] == [sessions[-1].id]
