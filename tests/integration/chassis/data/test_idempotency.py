"""Idempotency keys: one effect, one answer, and nobody starves meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from argosy.event.v1.order_events_pb2 import OrderLine
from services.chassis.data.idempotency import (
    Claimed,
    Outcome,
    Replay,
    answer,
    claim,
    fingerprint,
    once,
    wait_for_answer,
)
from services.chassis.data.postgres import Connection, Postgres
from services.chassis.plain import deadlines
from services.chassis.plain.errors import IdempotencyInFlight, IdempotencyMismatch
from services.chassis.plain.in_flight import patiently

ONE = fingerprint("secret", OrderLine(product_id="a"))
OTHER = fingerprint("secret", OrderLine(product_id="b"))

T = TypeVar("T")


class Effect:
    """Something that must happen once; `may_end` holds it in the middle of its transaction."""

    def __init__(self) -> None:
        self.key = uuid.uuid4().hex
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, connection: Connection) -> OrderLine:
        self.began.set()
        await self.may_end.wait()
        number = await connection.fetchval("INSERT INTO effects (key, number) VALUES ($1, 1) RETURNING at", self.key)
        return OrderLine(product_id=f"made {number}")

    async def count(self, postgres: Postgres) -> int:
        counted: int = await postgres.fetchval("SELECT count(*) FROM effects WHERE key = $1", self.key)
        return counted


@pytest.fixture
def effect() -> Effect:
    """An effect that has not happened."""
    return Effect()


@pytest.fixture
def key() -> str:
    """A key that nobody used."""
    return uuid.uuid4().hex


async def call(postgres: Postgres, key: str | None, effect: Effect, content: bytes = ONE) -> Outcome[OrderLine]:
    return await once(postgres, "lab", key, content, effect, OrderLine)


async def within(seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """Run with a deadline, as a call does."""

    async def run() -> T:
        deadlines.enter(asyncio.get_running_loop().time() + seconds)
        return await work()

    return await asyncio.create_task(run())


async def test_a_repeat_gets_the_first_answer(postgres: Postgres, effect: Effect, key: str) -> None:
    first = await call(postgres, key, effect)
    repeat = await call(postgres, key, effect)
    assert (first.replayed, repeat.replayed) == (False, True)
    assert repeat.message == first.message
    assert await effect.count(postgres) == 1


async def test_a_hundred_at_once_are_one(postgres: Postgres, effect: Effect, key: str) -> None:
    outcomes = await asyncio.gather(*(call(postgres, key, effect) for _ in range(100)))
    assert len({outcome.message.product_id for outcome in outcomes}) == 1
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert await effect.count(postgres) == 1


async def test_others_work_while_a_hundred_wait_for_one(postgres: Postgres, effect: Effect, key: str) -> None:
    effect.may_end.clear()
    callers = [asyncio.create_task(call(postgres, key, effect)) for _ in range(100)]
    await effect.began.wait()
    # Each of these gives up when it cannot have a connection: more of them than the pool has.
    await asyncio.gather(*(postgres.fetchval("SELECT pg_sleep(0.01)") for _ in range(60)))
    assert not any(caller.done() for caller in callers)
    effect.may_end.set()
    outcomes = await asyncio.gather(*callers)
    assert len({outcome.message.product_id for outcome in outcomes}) == 1
    assert await effect.count(postgres) == 1


async def test_many_keys_at_once_do_not_meet(postgres: Postgres) -> None:
    effects = [Effect() for _ in range(40)]
    await asyncio.gather(*(call(postgres, each.key, each) for each in effects for _ in range(3)))
    assert [await each.count(postgres) for each in effects] == [1] * 40


async def test_other_content_under_a_used_key_is_refused(postgres: Postgres, effect: Effect, key: str) -> None:
    await call(postgres, key, effect)
    with pytest.raises(IdempotencyMismatch):
        await call(postgres, key, effect, OTHER)
    assert await effect.count(postgres) == 1
    assert (await call(postgres, key, effect)).replayed


async def test_a_key_is_its_scope_s(postgres: Postgres, effect: Effect, key: str) -> None:
    await once(postgres, "one", key, ONE, effect, OrderLine)
    assert not (await once(postgres, "other", key, OTHER, effect, OrderLine)).replayed
    assert await effect.count(postgres) == 2


async def test_without_a_key_each_call_is_its_own(postgres: Postgres, effect: Effect) -> None:
    await call(postgres, None, effect)
    assert not (await call(postgres, None, effect)).replayed
    assert await effect.count(postgres) == 2


async def test_an_effect_that_fails_leaves_the_key_free(postgres: Postgres, effect: Effect, key: str) -> None:
    async def fail(connection: Connection) -> OrderLine:
        await effect(connection)
        raise KeyError

    with pytest.raises(KeyError):
        await once(postgres, "lab", key, ONE, fail, OrderLine)
    assert await effect.count(postgres) == 0
    assert not (await call(postgres, key, effect, OTHER)).replayed


async def test_one_that_dies_in_its_transaction_leaves_the_key_free(
    postgres: Postgres, effect: Effect, key: str
) -> None:
    effect.may_end.clear()
    dying = asyncio.create_task(call(postgres, key, effect))
    await effect.began.wait()
    waiting = asyncio.create_task(call(postgres, key, effect))
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    effect.may_end.set()
    assert not (await waiting).replayed
    assert await effect.count(postgres) == 1


async def test_one_in_flight_is_waited_for_until_the_deadline(postgres: Postgres, effect: Effect, key: str) -> None:
    effect.may_end.clear()
    first = asyncio.create_task(call(postgres, key, effect))
    await effect.began.wait()
    with pytest.raises(IdempotencyInFlight) as refused:
        await within(0.6, lambda: call(postgres, key, effect))
    assert refused.value.retry_after
    effect.may_end.set()
    assert (await call(postgres, key, effect)).message == (await first).message
    assert await effect.count(postgres) == 1


async def test_an_answer_in_two_steps(postgres: Postgres, key: str) -> None:
    async def begin(content: bytes = ONE) -> Claimed | Replay:
        async with postgres.transaction() as connection:
            return await claim(connection, "lab", key, content)

    assert await patiently(begin) == Claimed()
    assert await patiently(begin) == Replay(None)
    with pytest.raises(IdempotencyInFlight):
        await within(0.5, lambda: wait_for_answer(postgres, "lab", key, ONE))
    waiting = asyncio.create_task(wait_for_answer(postgres, "lab", key, ONE))
    async with postgres.transaction() as connection:
        await answer(connection, "lab", key, OrderLine(product_id="first"))
        await answer(connection, "lab", key, OrderLine(product_id="second"))
    assert OrderLine.FromString(await waiting).product_id == "first"
    assert await begin() == Replay(OrderLine(product_id="first").SerializeToString())
    with pytest.raises(IdempotencyMismatch):
        await begin(OTHER)
    with pytest.raises(IdempotencyMismatch):
        await wait_for_answer(postgres, "lab", key, OTHER)


async def test_a_key_is_claimed_in_a_transaction(postgres: Postgres, key: str) -> None:
    async with postgres.connection() as connection:
        with pytest.raises(RuntimeError):
            await claim(connection, "lab", key, ONE)
