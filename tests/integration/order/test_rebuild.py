"""The read side, compared with the histories and repaired to match them, while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase

from services.chassis.data.mongo import Document, Mongo
from services.chassis.plain import clock, ids
from services.order.adapters.all_orders import MongoAllOrders
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.missing_orders import temporary_missing_orders
from services.order.adapters.order_ids import MongoOrderIds
from services.order.adapters.outbox import CommitOutbox
from services.order.adapters.read_side import SHELF_HOLDS, MongoReadSide
from services.order.adapters.read_side_repair import MongoReadSideRepair
from services.order.adapters.slices import Slices, placed_slice, slice_of
from services.order.domain.history import Commit, fold
from services.order.domain.orders import Order, Status
from services.order.ports import OrderFilter, Shown
from services.order.use_cases.journal import Journal
from services.order.use_cases.rebuild_read_side import Difference, Found, RebuildReadSide, RebuildReadSideHandler
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from tests.unit.order.examples import STAFF, history_of, order_created

AT_ONCE = timedelta(0)
"""Nothing is too young to be judged."""


@pytest.fixture
def user_id() -> UUID:
    return ids.new_id()


def rebuilding(
    mongo: Mongo,
    settled_after: timedelta = AT_ONCE,
    repair: MongoReadSideRepair | None = None,
    *,
    mend: bool,
    compared: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[Difference]:
    read_side = MongoReadSide(mongo)
    repair = repair or MongoReadSideRepair(mongo, read_side)
    rebuild = RebuildReadSideHandler(
        MongoCommits(mongo), read_side, repair, temporary_missing_orders, clock.now, settled_after
    )
    return rebuild(RebuildReadSide(mend=mend), compared)


async def differences(mongo: Mongo, *, mend: bool = False) -> dict[str, tuple[Found, tuple[str, ...]]]:
    """What is found, by order."""
    found = [one async for one in rebuilding(mongo, mend=mend)]
    by_order = {one.order_id: (one.found, one.fields) for one in found}
    assert len(by_order) == len(found)
    return by_order


async def placed(mongo: Mongo, history: list[Commit]) -> Order:
    """An order that is stored and shown."""
    for commit in history:
        await MongoCommits(mongo).append(commit)
        await MongoCommits(mongo).mark_published([commit])
    await MongoReadSide(mongo).project(fold(history))
    return fold(history)


async def everything(documents: AsyncIOMotorDatabase[Document]) -> list[Any]:
    return [
        sorted(await documents[name].find().to_list(None), key=lambda document: str(document["_id"]))
        for name in ("commits", "orders", "shelves", "slices")
    ]


async def listed(mongo: Mongo, user_id: UUID) -> list[Order]:
    """All of a customer's orders, as lists show them."""
    found: list[Order] = []
    end = None
    while True:
        page = await MongoReadSide(mongo).page(user_id, None, end, 100)
        found += page.orders
        end = page.end
        if end is None:
            return found


async def test_a_correct_read_side_is_not_changed(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], user_id: UUID
) -> None:
    for statuses in ((), (Status.CONFIRMED,), (Status.CANCELLED,), (Status.CONFIRMED, Status.SHIPPED)):
        await placed(mongo, history_of(*statuses, user_id=user_id))
    before = await everything(documents)
    seen: list[int] = []
    for mend in (False, True):
        found = rebuilding(mongo, mend=mend, compared=seen.append)
        assert [one async for one in found] == []
    assert await everything(documents) == before
    assert sum(seen) == 8


DAMAGE: dict[str, tuple[Document, tuple[str, ...]]] = {
    "an older state": ({"$set": {"status": "pending", "version": 1, "pendingSince": "2026-01-01T00:00"}},
                       ("pendingSince", "status", "version")),
    "a newer state than there ever was": ({"$set": {"status": "delivered", "version": 9}}, ("status", "version")),
    "another total at the same version": ({"$set": {"totalAmount": "0.01"}}, ("totalAmount",)),
    "a field too few": ({"$unset": {"shippingAddress": ""}}, ("shippingAddress",)),
    "no version": ({"$unset": {"version": ""}}, ("version",)),
    "no slice, from the release before": ({"$unset": {"slice": ""}}, ("slice",)),
    "in the slice of an older state": ({"$set": {"slice": "pending/2026-01-01T00:00:0"}}, ("slice",)),
    "no shelf": ({"$unset": {"shelf": ""}}, ("shelf",)),
    "somebody else's": ({"$set": {"userId": "eve", "shelf": "eve/0"}}, ("shelf", "userId")),
    "on a shelf that nobody comes to": ({"$set": {"shelf": "{user}/40"}}, ("shelf",)),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
async def test_what_is_wrong_is_named_and_put_right(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], user_id: UUID, damage: str
) -> None:
    order = await placed(mongo, history_of(Status.CONFIRMED, user_id=user_id))
    fine = await placed(mongo, history_of(user_id=user_id))
    change, fields = DAMAGE[damage]
    if "{user}" in str(change):
        change = {"$set": {"shelf": f"{user_id}/40"}}
    await documents["orders"].update_one({"_id": str(order.id)}, change)

    damaged = await everything(documents)
    for _ in range(2):
        assert await differences(mongo) == {str(order.id): (Found.DIFFERENT, fields)}
    assert await everything(documents) == damaged  # looking changes nothing

    assert await differences(mongo, mend=True) == {str(order.id): (Found.DIFFERENT, fields)}
    assert await differences(mongo) == {}
    assert {one.id: one for one in await listed(mongo, user_id)} == {order.id: order, fine.id: fine}


async def test_what_is_missing_is_added_and_what_has_no_history_is_removed(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], user_id: UUID
) -> None:
    order = await placed(mongo, history_of(Status.CONFIRMED, user_id=user_id))
    ghost = await placed(mongo, history_of(user_id=user_id))
    await documents["orders"].delete_one({"_id": str(order.id)})
    await documents["commits"].delete_many({"orderId": str(ghost.id)})

    expected = {str(order.id): (Found.MISSING, ()), str(ghost.id): (Found.UNKNOWN, ())}
    assert await differences(mongo) == expected
    assert await differences(mongo, mend=True) == expected
    assert await differences(mongo) == {}
    assert await listed(mongo, user_id) == [order]


async def test_a_history_that_cannot_be_read_is_named_and_left(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], user_id: UUID
) -> None:
    history = history_of(Status.CONFIRMED, Status.SHIPPED, user_id=user_id)
    order = await placed(mongo, history)
    await documents["commits"].delete_one({"_id": history[1].id})
    before = await everything(documents)
    assert await differences(mongo, mend=True) == {str(order.id): (Found.UNREADABLE, ())}
    assert await everything(documents) == before


async def test_a_read_side_that_was_lost_comes_back_in_order(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document]
) -> None:
    start = clock.now() - timedelta(days=30)
    people = [ids.new_id() for _ in range(3)]
    for number in range(3 * (2 * SHELF_HOLDS + 4)):
        history = history_of(user_id=people[number % 3], at=start + timedelta(minutes=number))
        await placed(mongo, history)
    before = {person: await listed(mongo, person) for person in people}
    await documents["orders"].delete_many({})
    await documents["shelves"].delete_many({})

    found = [one async for one in rebuilding(mongo, mend=True)]

    assert {one.found for one in found} == {Found.MISSING}
    assert {person: await listed(mongo, person) for person in people} == before
    assert all(len(orders) == 2 * SHELF_HOLDS + 4 for orders in before.values())
    assert await differences(mongo) == {}


@pytest.mark.parametrize("of_first_commits", [False, True])
@pytest.mark.parametrize("level", ["slice", "hour", "month"])
async def test_slices_that_were_lost_come_back(
    mongo: Mongo,
    documents: AsyncIOMotorDatabase[Document],
    user_id: UUID,
    level: str,
    of_first_commits: bool,
) -> None:
    """As after a crash of a projection and of the pruner, each between its two writes."""
    orders = [await placed(mongo, history_of(*moves, user_id=user_id)) for moves in ((), (Status.CONFIRMED,))]
    slices = [slice_of(order.status, order.created_at) for order in orders]
    if of_first_commits:
        slices = [placed_slice(orders[0].created_at)]
    lost = {"slice": slices, "hour": [one[:-5] for one in slices], "month": [one[:-11] for one in slices]}[level]
    for node in lost:
        assert (await documents["slices"].delete_one({"_id": node})).deleted_count == 1
    expected = {str(order.id): (Found.DIFFERENT, ("slice",)) for order in orders}
    assert await differences(mongo) == expected

    assert await differences(mongo, mend=True) == expected

    assert await differences(mongo) == {}
    page = await MongoAllOrders(mongo, Slices(mongo)).page(OrderFilter(frozenset(Status)), None, 10)
    assert {order.id for order in page.orders} == {order.id for order in orders}
    walked = await MongoOrderIds(mongo, Slices(mongo)).page("", 100)
    assert len(walked.subjects) == 2 * len(orders)


async def test_what_the_service_is_about_to_show_is_left_to_it(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], user_id: UUID
) -> None:
    soon, never = order_created(user_id=user_id), order_created(user_id=user_id)
    for commit in (soon, never):
        await MongoCommits(mongo).append(commit)

    def shown_meanwhile(_compared: int) -> None:
        tasks.append(asyncio.create_task(MongoReadSide(mongo).project(fold([soon]))))

    tasks: list[asyncio.Task[None]] = []
    rebuild = rebuilding(mongo, timedelta(seconds=2), mend=False, compared=shown_meanwhile)
    found = [one async for one in rebuild]
    await asyncio.gather(*tasks)
    assert found == [Difference(str(never.order_id), Found.MISSING)]


class Meddled(MongoReadSideRepair):
    """Between a look and what is written upon it, the service shows a newer state."""

    def __init__(self, mongo: Mongo, newer: Order, *, crossing: bool) -> None:
        super().__init__(mongo, MongoReadSide(mongo))
        self._newer = newer
        self._crossing = crossing

    async def replace(self, shown: Shown, order: Order) -> None:
        await MongoReadSide(self._mongo).project(self._newer)
        if self._crossing:  # what FerretDB makes of a guard when two updates cross
            shown = replace(shown, document={**shown.document, "version": self._newer.version})
        await super().replace(shown, order)


@pytest.mark.parametrize("crossing", [False, True])
async def test_a_newer_state_is_never_lost(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], user_id: UUID, *, crossing: bool
) -> None:
    history = history_of(Status.CONFIRMED, Status.SHIPPED, user_id=user_id)
    order = await placed(mongo, history[:2])
    await documents["orders"].update_one({"_id": str(order.id)}, {"$set": {"totalAmount": "0.01"}})

    class GrowsMeanwhile(Meddled):
        async def replace(self, shown: Shown, order: Order) -> None:
            if order.version == 2:
                await MongoCommits(self._mongo).append(history[2])
            await super().replace(shown, order)

    repair = GrowsMeanwhile(mongo, fold(history), crossing=crossing)
    assert len([one async for one in rebuilding(mongo, repair=repair, mend=True)]) == 1
    assert await listed(mongo, user_id) == [fold(history)]


async def test_a_service_that_works_on_meanwhile_and_two_rebuilds_at_once_end_right(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document]
) -> None:
    store, people = MongoCommits(mongo), [ids.new_id() for _ in range(4)]
    journal = Journal(store, CommitOutbox(store, MongoReadSide(mongo), Leases(mongo)).announce, clock.now)
    update = UpdateStatusHandler(journal)
    orders: list[UUID] = []

    async def live(number: int) -> None:
        created = order_created(user_id=people[number % 4])
        await journal.record((), created.events[0])
        orders.append(created.order_id)
        for status in (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED):
            await update(UpdateStatus(created.order_id, status, STAFF))

    async def rebuild() -> None:
        # Young or not, everything that differs for a moment is "put right", which is as hard as it gets.
        found = rebuilding(mongo, mend=True)
        assert {one.found async for one in found} <= {Found.MISSING, Found.DIFFERENT}

    working = asyncio.gather(*(live(number) for number in range(40)))
    while not working.done():
        await asyncio.gather(rebuild(), rebuild())
    await working
    await rebuild()

    assert await differences(mongo) == {}
    shown = [order for person in people for order in await listed(mongo, person)]
    assert sorted(order.id for order in shown) == sorted(orders)
    assert {order.status for order in shown} == {Status.DELIVERED}
