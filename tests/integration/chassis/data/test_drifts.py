"""The record of the reconciliation, in PostgreSQL and in MongoDB: both keep the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.chassis.data.mongo import Mongo
from services.chassis.data.mongo_drifts import MongoDrifts
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_drifts import PostgresDrifts
from services.chassis.plain import clock
from services.chassis.plain.comparison import Drift
from services.chassis.process.reconciliation import DriftBook, Known, Outcome, RecordedDrift

HOUR = timedelta(hours=1)
LEFT, MENDED = Known(Outcome.LEFT, 0), Known(Outcome.MENDED, 1)


@pytest.fixture(params=["postgres", "mongo"])
async def book(request: pytest.FixtureRequest, postgres: Postgres, mongo_url: str) -> AsyncIterator[DriftBook]:
    """An empty one."""
    if request.param == "postgres":
        await postgres.execute("TRUNCATE reconciliation_cursors, drifts")
        yield PostgresDrifts(postgres)
        return
    mongo = Mongo(mongo_url)
    await mongo.start()
    for name in ("reconciliation_turns", "drifts"):
        await mongo.collection(name).delete_many({})
    yield MongoDrifts(mongo, clock.now)
    await mongo.stop()


def drift(subject: str, kind: str = "differs") -> Drift:
    return Drift(kind, subject, "ours", "theirs")


async def test_replicas_take_turns(book: DriftBook) -> None:
    turns = await asyncio.gather(*(book.turn("stock", HOUR) for _ in range(5)))
    assert sorted(turns, key=str) in (["", None, None, None, None], [None, None, None, None, ""])
    assert await book.turn("payments", HOUR) == "", "another comparison has a turn of its own"
    await book.advance("stock", "b")
    assert await book.turn("stock", HOUR) is None
    assert await book.turn("stock", timedelta(0)) == "b"
    turns = await asyncio.gather(*(book.turn("stock", timedelta(0)) for _ in range(2)))
    assert "b" in turns


async def test_what_was_looked_at_longest_ago_comes_first(book: DriftBook) -> None:
    for subject in ("a", "b", "c"):
        await book.keep("stock", drift(subject), LEFT)
    await book.keep("other", drift("d"), LEFT)
    await book.keep("stock", drift("a"), LEFT)
    assert await book.subjects("stock", 2) == ["b", "c"]
    assert await book.subjects("stock", 10) == ["b", "c", "a"]


async def test_all_drifts_page_by_page(book: DriftBook) -> None:
    begun = clock.now() - timedelta(minutes=5)  # whatever the store's clock says
    expected = [("other", "differs", "d"), *(("stock", kind, one) for kind in ("differs", "is_lost") for one in "ab")]
    for comparison, kind, subject in reversed(expected):
        await book.keep(comparison, drift(subject, kind), LEFT)
    await book.keep("stock", drift("b", "is_lost"), Known(Outcome.LEFT, 3))
    found: list[RecordedDrift] = []
    for size in (1, 2, 5, 9):
        found = []
        while page := await book.page(found[-1].key if found else ("", "", ""), size):
            assert len(page) <= size
            found += page
        assert [one.key for one in found] == expected
    last = found[-1]
    assert (last.drift, last.known) == (drift("b", "is_lost"), Known(Outcome.LEFT, 3))
    assert begun < last.found_at <= last.looked_at


async def test_drift_is_found_again_counted_and_forgotten(book: DriftBook) -> None:
    one, two, other = drift("a"), drift("a", "is_lost"), drift("b")
    assert await book.find("stock", one) is None
    await book.keep("stock", one, MENDED)
    await book.keep("stock", two, LEFT)
    await book.keep("stock", other, LEFT)
    assert [await book.find("stock", each) for each in (one, two, other)] == [MENDED, LEFT, LEFT]
    assert await book.find("payments", one) is None
    assert await book.count_left("stock") == {"is_lost": 1, "differs": 1}
    await book.keep("stock", one, Known(Outcome.LEFT, 3))
    assert await book.find("stock", one) == Known(Outcome.LEFT, 3)
    await book.forget("stock", ["a"], [two])
    assert [await book.find("stock", each) for each in (one, two, other)] == [None, LEFT, LEFT]
    await book.forget("stock", ["a", "b"], [])
    assert await book.count_left("stock") == {}
