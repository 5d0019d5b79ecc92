"""The pool: what a service learns when the database is busy or away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_url import checked as postgres_url_of_settings
from services.chassis.plain import deadlines
from services.chassis.plain.errors import Unavailable


@pytest.fixture
async def small(postgres_url: str) -> AsyncIterator[Postgres]:
    """A pool of two."""
    pool = Postgres(postgres_url, "small", size=2)
    await pool.start()
    yield pool
    await pool.stop()


async def test_commits_at_the_end_and_rolls_back_on_an_error(postgres: Postgres) -> None:
    async with postgres.transaction() as connection:
        await connection.execute("INSERT INTO effects (key, number) VALUES ('committed', 1)")

    async def fail() -> None:
        async with postgres.transaction() as connection:
            await connection.execute("INSERT INTO effects (key, number) VALUES ('rolled back', 1)")
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    found = await postgres.fetch("SELECT key FROM effects WHERE key IN ('committed', 'rolled back')")
    assert [row["key"] for row in found] == ["committed"]


@pytest.mark.parametrize(
    "parameters",
    ["", "sslmode=prefer", "target_session_attrs=read-write", "options=-c%20search_path%3Dpublic", "sslmode=disable"],
)
async def test_a_url_that_the_settings_take_migrates_and_serves(
    postgres_url: str, tmp_path: Path, parameters: str
) -> None:
    url = postgres_url_of_settings(SecretStr(f"{postgres_url}?{parameters}"))
    pool = Postgres(url, "shop", tmp_path, size=1)
    await pool.start()
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0
    await pool.stop()


async def test_none_free_within_the_deadline_is_unavailable(small: Postgres) -> None:
    async def impatient() -> None:
        deadlines.enter(asyncio.get_running_loop().time() + 0.1)
        await small.fetchval("SELECT 1")

    async with small.connection(), small.connection():
        with pytest.raises(Unavailable):
            await asyncio.create_task(impatient())
    assert await small.fetchval("SELECT 1") == 1


async def test_one_that_gives_up_waiting_takes_no_connection_with_it(small: Postgres) -> None:
    async with small.connection(), small.connection():
        waiting = [asyncio.create_task(small.fetchval("SELECT 1")) for _ in range(10)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with small.connection(), small.connection():
        pass


async def test_one_that_is_cancelled_at_work_gives_its_connection_back(small: Postgres) -> None:
    for _ in range(5):
        asleep = asyncio.create_task(small.execute("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.05)
        asleep.cancel()
        await asyncio.gather(asleep, return_exceptions=True)
    async with small.connection() as one, small.connection() as other:
        assert await one.fetchval("SELECT 1") == await other.fetchval("SELECT 1") == 1


async def test_a_check_does_not_queue_behind_the_work(small: Postgres) -> None:
    async with small.connection(), small.connection():
        await small.check()


async def test_a_connection_that_ends_midway_is_unavailable_and_the_next_is_good(small: Postgres) -> None:
    async def lose_it() -> None:
        async with small.transaction() as connection:
            await end_session(small, connection)
            await connection.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await lose_it()
    assert await small.fetchval("SELECT 1") == 1


async def test_a_deadlock_is_unavailable_for_one_and_nothing_of_it_stays(postgres: Postgres) -> None:
    await postgres.execute("INSERT INTO aggregates VALUES ('deadlock a'), ('deadlock b')")
    met = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> None:
        async with postgres.transaction() as connection:
            await connection.execute("UPDATE aggregates SET number = number + 1 WHERE key = $1", first)
            await met.wait()
            await connection.execute("UPDATE aggregates SET number = number + 1 WHERE key = $1", second)

    outcomes = await asyncio.gather(
        cross("deadlock a", "deadlock b"), cross("deadlock b", "deadlock a"), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Unavailable"]
    rows = await postgres.fetch("SELECT number FROM aggregates WHERE key LIKE 'deadlock%'")
    assert [row["number"] for row in rows] == [1, 1]


async def test_other_errors_stay_what_they_are(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await postgres.fetch("SELECT * FROM nowhere")


async def test_a_database_that_is_away_is_reported_at_start_and_after() -> None:
    pool = Postgres("postgresql://nobody@127.0.0.1:1/nothing", "lost")
    with pytest.raises(OSError, match="Connect"):
        await pool.start()
    with pytest.raises(Unavailable):
        await pool.fetchval("SELECT 1")
    await pool.stop()


async def end_session(postgres: Postgres, connection: asyncpg.Connection) -> None:
    """Let the server end a connection."""
    await postgres.execute("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
