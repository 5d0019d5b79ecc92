"""The list of all orders on the real store: what it shows, how it is paged, and how its slices come and go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.data.mongo import Mongo
from services.chassis.plain import clock, ids
from services.order.adapters.all_orders import MongoAllOrders
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.slices import slice_of
from services.order.domain.history import History, fold
from services.order.domain.orders import Order, Status
from services.order.ports import Before, OrderFilter, OrdersPage
from tests.integration.order.support import CutProxy
from tests.unit.order.examples import history_of, moved

ALL = frozenset(Status)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=999)


pytestmark = pytest.mark.usefixtures("documents")


@pytest.fixture
def all_orders(mongo: Mongo, read_side: MongoReadSide) -> MongoAllOrders:
    return MongoAllOrders(mongo, read_side.slices)


def a_history(*statuses: Status, at: datetime = NOON) -> History:
    return history_of(*statuses, user_id=ids.new_id(), at=at)


async def shown(read_side: MongoReadSide, *statuses: Status, at: datetime = NOON) -> Order:
    """An order of a customer of its own, through all its states."""
    history = a_history(*statuses, at=at)
    for length in range(1, len(history) + 1):
        await read_side.project(fold(history[:length]))
    return fold(history)


async def pages(all_orders: MongoAllOrders, wanted: OrderFilter, size: int = 10) -> list[OrdersPage]:
    found: list[OrdersPage] = []
    end: Before | None = None
    while True:
        page = await all_orders.page(wanted, end, size)
        found.append(page)
        end = page.end
        if end is None:
            return found


async def listed(all_orders: MongoAllOrders, *statuses: Status, size: int = 10) -> list[UUID]:
    wanted = OrderFilter(frozenset(statuses) or ALL)
    return [order.id for page in await pages(all_orders, wanted, size) for order in page.orders]


async def nodes(mongo: Mongo) -> set[str]:
    return {document["_id"] async for document in mongo.collection("slices").find({})}


async def test_orders_of_all_customers_newest_first(read_side: MongoReadSide, all_orders: MongoAllOrders) -> None:
    """Placed within a slice, in neighbouring slices, hours, months and years, in several states."""
    ages = [
        timedelta(seconds=s) for s in (0, 0.004, 3, 9, 10, 61, 3600, 3601, 86_400 * 40, 86_400 * 40 + 5, 86_400 * 700)
    ]
    states = [(), (Status.CONFIRMED,), (Status.CONFIRMED, Status.SHIPPED), (Status.CANCELLED,)]
    orders = [await shown(read_side, *states[number % len(states)], at=NOON - age) for number, age in enumerate(ages)]

    for size in (1, 2, 5, 11, 100):
        found = await pages(all_orders, OrderFilter(ALL), size)
        assert [order for page in found for order in page.orders] == orders
        assert {len(page.orders) for page in found[:-1]} <= {size}
        assert found[-1].orders
    for wanted in ((Status.SHIPPED,), (Status.PENDING, Status.CANCELLED), (Status.DELIVERED,)):
        expected = [order.id for order in orders if order.status in wanted]
        assert await listed(all_orders, *wanted, size=2) == expected


async def test_orders_of_one_instant_are_paged_apart(read_side: MongoReadSide, all_orders: MongoAllOrders) -> None:
    orders = [await shown(read_side, *([Status.CONFIRMED] if number % 2 else [])) for number in range(9)]
    assert await listed(all_orders, size=2) == sorted((order.id for order in orders), reverse=True)


async def test_a_range_of_time(read_side: MongoReadSide, all_orders: MongoAllOrders) -> None:
    ages = (0, 1, 9, 11, 59, 61, 3599, 3601, 90_000, 90_001, 8_000_000)
    orders = [await shown(read_side, at=NOON - timedelta(seconds=age)) for age in ages]
    instants = [None, *(order.created_at for order in orders), NOON - timedelta(seconds=5)]
    for start in instants:
        for end in instants:
            wanted = OrderFilter(ALL, start, end)
            found = [order for page in await pages(all_orders, wanted, 3) for order in page.orders]
            assert found == [
                order
                for order in orders
                if (start is None or order.created_at >= start) and (end is None or order.created_at < end)
            ], (start, end)


async def test_an_order_that_moves_is_listed_by_its_new_state(
    read_side: MongoReadSide, all_orders: MongoAllOrders
) -> None:
    history = a_history(Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)
    for length, status in enumerate((Status.PENDING, Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED), 1):
        await read_side.project(fold(history[:length]))
        for other in Status:
            expected = [history[0].order_id] if other is status else []
            assert await listed(all_orders, other) == expected


async def test_orders_that_are_placed_and_move_meanwhile_neither_repeat_nor_hide_one(
    read_side: MongoReadSide, all_orders: MongoAllOrders
) -> None:
    histories = [a_history(at=NOON - timedelta(seconds=number)) for number in range(30)]
    for history in histories:
        await read_side.project(fold(history))
    seen: list[UUID] = []
    end: Before | None = None
    for number in range(100):
        page = await all_orders.page(OrderFilter(ALL), end, 4)
        seen += [order.id for order in page.orders]
        end = page.end
        if end is None:
            break
        for history in (histories[number], histories[-number]):
            await read_side.project(fold([*history, moved(history, Status.CONFIRMED)]))
        await shown(read_side, at=NOON + timedelta(seconds=number))
    assert seen == [history[0].order_id for history in histories]


async def test_emptied_slices_are_deleted_with_their_hours_and_months(
    read_side: MongoReadSide, all_orders: MongoAllOrders, mongo: Mongo
) -> None:
    stays = await shown(read_side, at=NOON - timedelta(days=60))
    for age in (0, 30, 4000):
        await shown(read_side, Status.CONFIRMED, at=NOON - timedelta(seconds=age))
    assert {"pending/2026-03", "pending/2026-03-01T10", "pending/2026-03-01T11:59:3"} <= await nodes(mongo)

    await read_side.slices.prune(LATER)

    pending = {node for node in await nodes(mongo) if node.startswith("pending/")}
    assert pending == {slice_of(Status.PENDING, stays.created_at)[:length] for length in (15, 21, 26)}
    assert await listed(all_orders, Status.PENDING) == [stays.id]
    assert len(await listed(all_orders, Status.CONFIRMED)) == 3


async def test_what_has_orders_or_is_young_is_not_pruned(
    read_side: MongoReadSide, all_orders: MongoAllOrders, mongo: Mongo
) -> None:
    await shown(read_side)
    await shown(read_side, Status.CONFIRMED)
    await shown(read_side, Status.CONFIRMED, at=NOON + timedelta(minutes=1))
    before = await nodes(mongo)

    await read_side.slices.prune(NOON + timedelta(seconds=30))

    assert await nodes(mongo) == before
    await read_side.slices.prune(LATER)
    assert before - await nodes(mongo) == {"pending/2026-03-01T12:01:0"}


async def test_a_list_finds_empty_slices_for_the_pruner(
    read_side: MongoReadSide, all_orders: MongoAllOrders, mongo: Mongo
) -> None:
    """The replica that emptied them has died."""
    await shown(read_side, Status.CONFIRMED)
    survivor = MongoReadSide(mongo)
    await survivor.slices.prune(LATER)
    assert "pending/2026-03-01T12:00:0" in await nodes(mongo)

    await MongoAllOrders(mongo, survivor.slices).page(OrderFilter(ALL), None, 10)
    await survivor.slices.prune(LATER)

    assert not {node for node in await nodes(mongo) if node.startswith("pending/")}


async def test_a_long_stretch_of_empty_slices_ends_a_page_early_not_the_list(
    read_side: MongoReadSide, all_orders: MongoAllOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.order.adapters.all_orders._MOST_QUERIES_A_PAGE", 10)
    oldest = await shown(read_side, at=NOON - timedelta(hours=3))
    for number in range(40):
        await shown(read_side, Status.CONFIRMED, at=NOON - timedelta(seconds=number * 200))

    found = await pages(all_orders, OrderFilter(frozenset({Status.PENDING})))

    assert [order for page in found for order in page.orders] == [oldest]
    assert 4 < len(found) < 20
    monkeypatch.setattr("services.order.adapters.all_orders._MOST_QUERIES_A_PAGE", 25)
    both = [order.id for page in await pages(all_orders, OrderFilter(ALL)) for order in page.orders]
    assert len(both) == len(set(both)) == 41


async def test_an_order_that_comes_while_its_slice_is_pruned_is_listed(
    read_side: MongoReadSide, all_orders: MongoAllOrders, mongo: Mongo, proxy: CutProxy
) -> None:
    """The pruner has found the slice empty and is paused before it deletes it; the order comes meanwhile."""
    await shown(read_side, Status.CONFIRMED)
    paused = Mongo(proxy.url)
    await paused.start()
    try:
        pruner = MongoReadSide(paused)
        pruner.slices.left("pending/2026-03-01T12:00:0")
        proxy.hold_requests_with = b"delete"
        pruning = asyncio.create_task(pruner.slices.prune(LATER))
        assert await asyncio.to_thread(proxy.held.wait, 60)
        order = await shown(read_side)
        proxy.hold_requests_with = None
        await pruning
    finally:
        proxy.hold_requests_with = None
        await paused.stop()

    assert await listed(all_orders, Status.PENDING) == [order.id]


async def test_a_slice_is_looked_for_once_as_long_as_nobody_prunes_it(mongo: Mongo, all_orders: MongoAllOrders) -> None:
    now = NOON + timedelta(seconds=9)
    read_side, slice_ = MongoReadSide(mongo, lambda: now), slice_of(Status.PENDING, NOON)
    first = await shown(read_side)
    await mongo.collection("slices").delete_one({"_id": slice_})
    second = await shown(read_side)
    assert slice_ not in await nodes(mongo)

    now = NOON + timedelta(seconds=20)
    third = await shown(read_side)

    assert set(await listed(all_orders)) == {first.id, second.id, third.id}


async def test_orders_and_prunings_at_once(read_side: MongoReadSide, all_orders: MongoAllOrders) -> None:
    """Every slice is emptied, pruned and filled again all the time; in the end each order is listed once."""

    async def prune() -> None:
        for _ in range(30):
            await read_side.slices.prune(LATER)

    async def place(number: int) -> None:
        await shown(read_side, Status.CONFIRMED, Status.SHIPPED, at=NOON - timedelta(seconds=number % 4 * 10))

    await asyncio.gather(*(place(number) for number in range(40)), prune(), prune())
    await read_side.slices.prune(LATER)

    assert len(set(await listed(all_orders, Status.SHIPPED))) == 40
    assert await listed(all_orders, Status.PENDING, Status.CONFIRMED) == []


async def test_an_order_that_the_release_before_moved_is_not_listed_by_its_old_state(
    read_side: MongoReadSide, all_orders: MongoAllOrders, mongo: Mongo
) -> None:
    order = await shown(read_side)
    change = {"$set": {"status": "confirmed", "version": 2}}
    await mongo.collection("orders").update_one({"_id": str(order.id)}, change)
    assert await listed(all_orders) == []  # until the comparison of the read side puts it into its slice


async def test_present_orders_are_in_slices_of_the_present(read_side: MongoReadSide, mongo: Mongo) -> None:
    at = clock.now()
    await shown(read_side, at=at)
    assert slice_of(Status.PENDING, at) in await nodes(mongo)
