"""One clock for all replicas: the clock of a process cancels no order early or late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from services.chassis.data.mongo import Mongo
from services.chassis.plain import clock
from services.order.adapters.commits import MongoCommits
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.store_clock import StoreClock
from services.order.domain.history import fold
from services.order.domain.orders import PaymentState, Status
from services.order.use_cases.cancel_unpaid import CancelUnpaid, CancelUnpaidHandler
from tests.integration.order.support import journal
from tests.unit.order.examples import order_created

WRONG = [timedelta(hours=1), timedelta(hours=-1)]
UNPAID_AFTER = timedelta(seconds=900)


class NobodyPays:
    """Payment, of orders that nobody pays."""

    async def state_of(self, order_id: UUID) -> PaymentState:
        await asyncio.sleep(0)
        return PaymentState.NONE

    async def was_paid(self, order_id: UUID) -> bool:
        return False


@pytest.fixture
async def store_clock(mongo: Mongo) -> AsyncIterator[StoreClock]:
    """The store's clock, as a process sees it whose own is right; and no orders that wait."""
    await mongo.collection("orders").delete_many({})
    seen = StoreClock(mongo)
    await seen.start()
    yield seen
    await mongo.collection("orders").delete_many({})


@pytest.fixture(params=WRONG, ids=["ahead", "behind"])
def wrong_clock(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> timedelta:
    """This process's own clock is wrong by an hour; so much it is ahead."""
    ahead: timedelta = request.param
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + ahead)
    return ahead


async def test_a_process_whose_clock_is_wrong_writes_the_stores_time(
    mongo: Mongo, store: MongoCommits, store_clock: StoreClock, wrong_clock: timedelta
) -> None:
    before = store_clock.now()
    assert abs(clock.now() - before) > timedelta(minutes=50), "the clock is wrong"
    own = StoreClock(mongo)
    await own.start()

    event = order_created().events[0]
    (commit,) = await journal(store, now=own.now).record((), event)

    assert before - timedelta(seconds=1) <= commit.at <= store_clock.now() + timedelta(seconds=1)


async def test_a_sweeper_whose_clock_is_wrong_cancels_what_is_overdue_and_nothing_else(
    mongo: Mongo, store: MongoCommits, read_side: MongoReadSide, store_clock: StoreClock, wrong_clock: timedelta
) -> None:
    overdue = order_created(at=store_clock.now() - UNPAID_AFTER - timedelta(minutes=1))
    fresh = order_created(at=store_clock.now())
    for created in (overdue, fresh):
        await store.append(created)
        await read_side.project(fold([created]))
    own = StoreClock(mongo)
    await own.start()
    cancel_unpaid = CancelUnpaidHandler(journal(store, now=own.now), read_side, NobodyPays(), UNPAID_AFTER, own.now)

    for thorough in (False, True):
        await cancel_unpaid(CancelUnpaid(thorough=thorough))

    assert fold(await store.load(overdue.order_id)).status is Status.CANCELLED
    assert fold(await store.load(fresh.order_id)).status is Status.PENDING


async def test_time_goes_on_while_the_store_is_away(store_clock: StoreClock, wrong_clock: timedelta) -> None:
    """By the monotonic clock: a process's own that is set meanwhile changes nothing."""
    first = store_clock.now()
    await asyncio.sleep(0.1)
    assert timedelta() < store_clock.now() - first < timedelta(minutes=50)
