"""The inbox: effects once."""

from __future__ import annotations

import asyncio

import pytest

from services.chassis.data import inbox
from services.chassis.data.postgres import Postgres
from services.chassis.plain import ids


async def test_the_first_time_is_the_first_time_only(postgres: Postgres) -> None:
    event = ids.new_id()
    async with postgres.transaction() as connection:
        assert await inbox.first_time(connection, "some", event)
    async with postgres.transaction() as connection:
        assert not await inbox.first_time(connection, "some", event)
        assert await inbox.first_time(connection, "other", event)


async def test_an_effect_that_failed_is_as_if_it_had_not_been_tried(postgres: Postgres) -> None:
    event = ids.new_id()

    async def fail() -> None:
        async with postgres.transaction() as connection:
            assert await inbox.first_time(connection, "some", event)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with postgres.transaction() as connection:
        assert await inbox.first_time(connection, "some", event)


async def test_of_many_at_once_one_takes_effect(postgres: Postgres) -> None:
    event = ids.new_id()

    async def handle() -> bool:
        async with postgres.transaction() as connection:
            first = await inbox.first_time(connection, "some", event)
            if first:
                await asyncio.sleep(0.05)
                await connection.execute("INSERT INTO effects (key, number, event_id) VALUES ('once', 1, $1)", event)
            return first

    outcomes = await asyncio.gather(*(handle() for _ in range(15)))
    assert outcomes.count(True) == 1
    assert await postgres.fetchval("SELECT count(*) FROM effects WHERE event_id = $1", event) == 1


async def test_is_asked_in_a_transaction(postgres: Postgres) -> None:
    async with postgres.connection() as connection:
        with pytest.raises(RuntimeError):
            await inbox.first_time(connection, "some", ids.new_id())
