"""The schema's own rules: what no code above it can get wrong."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from services.chassis.data.postgres import Postgres

HASH = "$2b$12$" + "x" * 53


async def add(postgres: Postgres, **changed: Any) -> uuid.UUID:
    values = {
        "id": uuid.uuid4(),
        "email": f"{uuid.uuid4().hex}@example.com",
        "password_hash": HASH,
        "first_name": "Ada",
        "last_name": "Tour",
        **changed,
    }
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await postgres.execute(f"INSERT INTO users ({', '.join(values)}) VALUES ({places})", *values.values())
    return uuid.UUID(str(values["id"]))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("email", "nobody"),
        ("email", "@example.com"),
        ("email", "a@"),
        ("email", "a b@example.com"),
        ("email", "a@b@example.com"),
        ("email", ""),
        ("password_hash", "correct horse"),
        ("password_hash", HASH + "x"),
        ("first_name", " "),
        ("last_name", ""),
        ("account_status", "sleeping"),
        ("roles", ["admin"]),
        ("roles", ["staff", "admin"]),
    ],
)
async def test_what_cannot_be_is_refused(postgres: Postgres, column: str, value: object) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await add(postgres, **{column: value})
    assert await postgres.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize(("column", "length"), [("email", 255), ("first_name", 101), ("last_name", 101), ("phone", 21)])
async def test_nothing_is_longer_than_its_field(postgres: Postgres, column: str, length: int) -> None:
    with pytest.raises(asyncpg.StringDataRightTruncationError):
        await add(postgres, **{column: "a@" + "b" * (length - 2)})


async def test_an_address_has_one_account_in_any_case_until_it_is_deleted(postgres: Postgres) -> None:
    first = await add(postgres, email="Ada@example.com")
    for status in ("active", "suspended"):
        await postgres.execute("UPDATE users SET account_status = $2 WHERE id = $1", first, status)
        with pytest.raises(asyncpg.UniqueViolationError):
            await add(postgres, email="aDA@EXAMPLE.com")
    await postgres.execute("UPDATE users SET account_status = 'deleted' WHERE id = $1", first)
    await add(postgres, email="aDA@EXAMPLE.com")
    await add(postgres, email="ada@example.com", account_status="deleted")


async def test_a_change_moves_updated_at_and_signing_in_does_not(postgres: Postgres) -> None:
    account_id = await add(postgres)
    made = await postgres.fetchval("SELECT updated_at FROM users WHERE id = $1", account_id)
    await postgres.execute("UPDATE users SET last_login = now() WHERE id = $1", account_id)
    assert await postgres.fetchval("SELECT updated_at FROM users WHERE id = $1", account_id) == made
    await postgres.execute("UPDATE users SET first_name = 'Eve', updated_at = 'epoch' WHERE id = $1", account_id)
    assert await postgres.fetchval("SELECT updated_at FROM users WHERE id = $1", account_id) > made


async def test_a_profile_knows_when_it_was_made_and_last_changed(postgres: Postgres) -> None:
    account_id = await add(postgres)
    await postgres.execute("INSERT INTO user_profiles (user_id) VALUES ($1)", account_id)
    look = "SELECT created_at, updated_at FROM user_profiles WHERE user_id = $1"
    made = await postgres.fetchrow(look, account_id)
    assert made is not None
    assert made["created_at"] == made["updated_at"]
    await postgres.execute(
        "UPDATE user_profiles SET bio = 'words', updated_at = 'epoch' WHERE user_id = $1", account_id
    )
    changed = await postgres.fetchrow(look, account_id)
    assert changed is not None
    assert changed["created_at"] == made["created_at"]
    assert changed["updated_at"] > made["updated_at"]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT id FROM users WHERE lower(email COLLATE \"C\") = 'a@b.c' AND account_status <> 'deleted'",
            "users_email",
        ),
        ("SELECT id FROM users ORDER BY created_at LIMIT 1", "users_created_at"),
        ("SELECT id FROM users ORDER BY last_login LIMIT 1", "users_last_login"),
        (
            "SELECT id FROM user_sessions WHERE user_id = '01a206e5-e8d4-7000-bb7d-dffe9e455f67'",
            "user_sessions_user_id",
        ),
        ("SELECT id FROM user_sessions WHERE expires_at < now() ORDER BY expires_at", "user_sessions_expires_at"),
        ("SELECT id FROM user_sessions WHERE token_hash = '\\x00'", "user_sessions_token_hash"),
    ],
)
async def test_what_is_looked_for_has_an_index(postgres: Postgres, query: str, index: str) -> None:
    async with postgres.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}"))
    assert index in plan
