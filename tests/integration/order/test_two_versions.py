"""Orders that a released version stored, and two versions of the service at once: neither loses the other's fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.json_format import MessageToDict
from motor.motor_asyncio import AsyncIOMotorDatabase

from services.chassis.data.mongo import Document, Mongo
from services.chassis.plain import clock
from services.order.adapters.all_orders import MongoAllOrders
from services.order.adapters.commits import MongoCommits
from services.order.adapters.missing_orders import temporary_missing_orders
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.read_side_repair import MongoReadSideRepair
from services.order.domain.history import fold
from services.order.domain.orders import Actor, Order, Status
from services.order.entrypoints.mapping import order_message
from services.order.ports import OrderFilter
from services.order.use_cases.get_order import GetOrder, GetOrderHandler
from services.order.use_cases.rebuild_read_side import Difference, Found, RebuildReadSide, RebuildReadSideHandler
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from tests.golden import corpus
from tests.integration.order.support import journal
from tests.unit.order.examples import STAFF, history_of, moved

NEWER_FIELDS = {"giftNote": "For Ann", "shippingAddress.floor": "3", "items.0.engraving": "A"}
"""Fields that a newer version of the service has written: of the order, of its address, of a line."""

ORDERS = corpus.orders()
RELEASES = sorted({release for release, _ in ORDERS})


async def differences(mongo: Mongo, *, mend: bool = False) -> list[Difference]:
    repair = MongoReadSideRepair(mongo, MongoReadSide(mongo))
    rebuild = RebuildReadSideHandler(
        MongoCommits(mongo), MongoReadSide(mongo), repair, temporary_missing_orders, clock.now, timedelta(0)
    )
    return [one async for one in rebuild(RebuildReadSide(mend=mend), lambda _: None)]


async def stored_by(release: str, documents: AsyncIOMotorDatabase[Document]) -> list[Mapping[str, Any]]:
    """The orders of a release, in the store as it left them."""
    orders = [order for stored, order in ORDERS if stored == release]
    for order in orders:
        for commit in order["commits"]:
            await documents["commits"].insert_one(corpus.document(commit))
        await documents["orders"].insert_one(corpus.document(order["shown"]))
    await documents["shelves"].insert_one({"_id": orders[0]["answer"]["userId"], "orders": len(orders)})
    return orders


def answer_of(order: Order) -> dict[str, Any]:
    answer: dict[str, Any] = MessageToDict(order_message(order))
    return answer


@pytest.mark.parametrize("release", RELEASES)
async def test_a_releases_orders_are_read_listed_and_moved(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], release: str
) -> None:
    orders = await stored_by(release, documents)
    owner = Actor(UUID(orders[0]["answer"]["userId"]), is_staff=False)
    store, read_side = MongoCommits(mongo), MongoReadSide(mongo)
    get_order = GetOrderHandler(journal(store))

    page = await read_side.page(owner.user_id, None, None, 10)
    listed = {str(order.id): order for order in page.orders}
    assert len(listed) == len(orders)
    for order in orders:
        order_id = order["answer"]["id"]
        read = await get_order(GetOrder(UUID(order_id), owner))
        assert listed[order_id] == read
        assert {**answer_of(read), **order["answer"]} == answer_of(read)
    # The list of all orders is newer than 0.1.0: a rebuild puts its orders there.
    assert {one.fields for one in await differences(mongo, mend=True)} <= {("slice",)}
    assert await differences(mongo) == []
    everything = await MongoAllOrders(mongo, read_side.slices).page(OrderFilter(frozenset(Status)), None, 100)
    assert {str(order.id): order for order in everything.orders} == listed

    pending = next(order for order in page.orders if order.status is Status.PENDING)
    await UpdateStatusHandler(journal(store))(UpdateStatus(pending.id, Status.CONFIRMED, STAFF))
    await read_side.project(fold(await store.load(pending.id)))
    assert await differences(mongo) == []
    assert (await read_side.page(owner.user_id, Status.CONFIRMED, None, 10)).orders == [
        await get_order(GetOrder(pending.id, owner))
    ]


async def a_newer_versions_order(mongo: Mongo, documents: AsyncIOMotorDatabase[Document]) -> Order:
    """An order, stored and shown with fields that this version does not know."""
    history = history_of()
    await MongoCommits(mongo).append(history[0])
    await documents["commits"].update_one({"_id": history[0].id}, {"$set": {"carrier": "x", "events.0.giftNote": "!"}})
    await MongoReadSide(mongo).project(fold(history))
    await documents["orders"].update_one({"_id": str(history[0].order_id)}, {"$set": NEWER_FIELDS})
    return fold(history)


async def shown(documents: AsyncIOMotorDatabase[Document], order: Order) -> Any:
    return await documents["orders"].find_one({"_id": str(order.id)})


def newer_fields(document: Any) -> tuple[object, ...]:
    return document.get("giftNote"), document["shippingAddress"].get("floor"), document["items"][0].get("engraving")


async def test_a_projection_keeps_the_fields_of_a_newer_version(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document]
) -> None:
    order = await a_newer_versions_order(mongo, documents)
    store = MongoCommits(mongo)
    history = await store.load(order.id)
    await store.append(moved(history, Status.CONFIRMED))
    history = await store.load(order.id)
    await MongoReadSide(mongo).project(fold(history))

    document = await shown(documents, order)
    assert newer_fields(document) == tuple(NEWER_FIELDS.values())
    assert (document["status"], document["version"], "pendingSince" in document) == ("confirmed", 2, False)
    assert (await MongoReadSide(mongo).page(order.user_id, None, None, 10)).orders == [fold(history)]


async def test_publishing_keeps_the_fields_of_a_newer_commit(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document]
) -> None:
    order = await a_newer_versions_order(mongo, documents)
    (commit,) = await MongoCommits(mongo).load(order.id)
    await MongoCommits(mongo).mark_published([commit])
    document = await documents["commits"].find_one({"_id": commit.id})
    assert document is not None
    assert (document["carrier"], document["events"][0]["giftNote"], document["published"]) == ("x", "!", True)


async def test_a_rebuild_finds_nothing_wrong_with_the_fields_of_a_newer_version_and_keeps_them(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document]
) -> None:
    order = await a_newer_versions_order(mongo, documents)
    assert await differences(mongo) == []

    await documents["orders"].update_one({"_id": str(order.id)}, {"$set": {"totalAmount": "0.01"}})
    (found,) = await differences(mongo, mend=True)
    assert (found.found, found.fields) == (Found.DIFFERENT, ("totalAmount",))
    document = await shown(documents, order)
    assert newer_fields(document) == tuple(NEWER_FIELDS.values())
    assert document["totalAmount"] == order.total.text
    assert await differences(mongo) == []


async def test_a_field_that_an_older_version_left_out_is_shown_with_the_next_move(
    mongo: Mongo, documents: AsyncIOMotorDatabase[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`document_of` alone defines what is projected: a new field needs no change of the projection."""
    from services.order.adapters import read_side

    order = await a_newer_versions_order(mongo, documents)
    today = read_side.document_of
    monkeypatch.setattr(read_side, "document_of", lambda order: {**today(order), "parcels": [order.version]})
    store = MongoCommits(mongo)
    await store.append(moved(await store.load(order.id), Status.CONFIRMED))
    await MongoReadSide(mongo).project(fold(await store.load(order.id)))
    assert (await shown(documents, order))["parcels"] == [2]
