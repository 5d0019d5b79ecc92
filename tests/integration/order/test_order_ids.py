"""The walk of the comparisons through all orders, in the real document store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.data.mongo import Mongo
from services.order.adapters.commits import MongoCommits
from services.order.adapters.order_ids import MongoOrderIds
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.slices import placed_slice, slice_of
from services.order.domain.history import Commit, fold
from services.order.domain.orders import Status
from tests.unit.order.examples import history_of

FIRST = datetime(2026, 1, 31, 23, 59, 55, tzinfo=UTC)
"""Ten seconds later it is another slice, hour and month."""
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("documents")


@pytest.fixture
def ids(mongo: Mongo, read_side: MongoReadSide) -> MongoOrderIds:
    return MongoOrderIds(mongo, read_side.slices)


async def stored(mongo: Mongo, *statuses: Status, at: datetime) -> list[Commit]:
    history = history_of(*statuses, at=at)
    for commit in history:
        await MongoCommits(mongo).append(commit)
    return history


async def walk(ids: MongoOrderIds, limit: int, place: str = "") -> list[str]:
    found: list[str] = []
    while True:
        page = await ids.page(place, limit)
        assert len(page.subjects) <= limit
        found += page.subjects
        place = page.place
        if not place:
            return found


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_every_order_is_met(mongo: Mongo, read_side: MongoReadSide, ids: MongoOrderIds, limit: int) -> None:
    times = [
        FIRST,
        FIRST,
        FIRST + timedelta(seconds=2),
        FIRST + timedelta(seconds=10),
        FIRST + HOUR,
        FIRST + 800 * HOUR,
    ]
    placed: list[UUID] = []
    for number, at in enumerate(times):
        history = await stored(mongo, *[Status.CONFIRMED, Status.SHIPPED][: number % 3], at=at)
        await read_side.project(fold(history))
        placed.append(history[0].order_id)

    found = await walk(ids, limit)

    assert sorted(found) == sorted(map(str, placed * 2)), "once by its first commit, once where lists show it"


async def test_orders_that_only_one_side_has_are_met(
    mongo: Mongo, read_side: MongoReadSide, ids: MongoOrderIds
) -> None:
    unshown, unstored = await stored(mongo, at=FIRST), history_of(Status.CANCELLED, at=FIRST)
    for history in (unshown, unstored):
        await read_side.project(fold(history))
    await mongo.collection("orders").delete_one({"_id": str(unshown[0].order_id)})

    found = await walk(ids, 100)

    assert found == [str(unshown[0].order_id), str(unstored[0].order_id)]


async def test_an_order_of_the_release_before_is_met(
    mongo: Mongo, read_side: MongoReadSide, ids: MongoOrderIds
) -> None:
    (commit,) = await stored(mongo, at=FIRST)
    await mongo.collection("commits").update_one({"_id": commit.id}, {"$unset": {"slice": ""}})
    await read_side.project(fold([commit]))
    assert await walk(ids, 100) == [str(commit.order_id)]


async def test_a_place_of_the_release_before_begins_a_new_round(
    mongo: Mongo, read_side: MongoReadSide, ids: MongoOrderIds
) -> None:
    history = await stored(mongo, at=FIRST)
    await read_side.project(fold(history))
    order_id = str(history[0].order_id)
    assert await walk(ids, 100, place=order_id) == [order_id, order_id]


async def test_a_place_whose_slice_is_gone_is_gone_on_from(
    mongo: Mongo, read_side: MongoReadSide, ids: MongoOrderIds
) -> None:
    order = fold(await stored(mongo, Status.CONFIRMED, at=FIRST + HOUR))
    await read_side.project(order)
    place = f"{slice_of(Status.CONFIRMED, FIRST)} {order.id}"
    assert await walk(ids, 100, place) == [str(order.id)]
    after = f"{slice_of(Status.CONFIRMED, FIRST + 2 * HOUR)} "
    assert await walk(ids, 100, after) == []


async def test_empty_slices_do_not_make_a_page_long(mongo: Mongo, read_side: MongoReadSide, ids: MongoOrderIds) -> None:
    order = fold(await stored(mongo, at=FIRST + HOUR))
    await read_side.project(order)
    for number in range(250):
        await read_side.slices.repair(placed_slice(FIRST + number * timedelta(seconds=10)))

    page = await ids.page("", 100)

    assert (page.subjects, page.place) == ([], f"{placed_slice(FIRST + 200 * timedelta(seconds=10))} ")
    assert await walk(ids, 100) == [str(order.id)] * 2
