"""The read side on the real store: what it shows, and how it is paged."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr

from services.chassis.data.mongo import Mongo
from services.chassis.data.paging import SealedTokens, encode_page_token
from services.chassis.plain import clock, ids
from services.chassis.plain.errors import InvalidArgument
from services.order.adapters.commits import MongoCommits
from services.order.adapters.documents import order_to_document
from services.order.adapters.page_tokens import SealedPageTokens
from services.order.adapters.read_side import SHELF_HOLDS, MongoReadSide
from services.order.domain.history import fold
from services.order.domain.moves import OnlyStaffListOthers
from services.order.domain.orders import Actor, Order, Status
from services.order.use_cases.list_orders import ListedOrders, ListOrders, ListOrdersHandler
from tests.integration.order.support import CutProxy
from tests.unit.order.examples import JOE, SUE, history_of

TOKENS = SealedPageTokens(SealedTokens(SecretStr("a secret of the service")))


def an_order(user_id: UUID, *statuses: Status, age: float = 0) -> Order:
    return fold(history_of(*statuses, user_id=user_id, at=clock.now() - timedelta(seconds=age)))


@pytest.fixture
def user_id() -> UUID:
    """Somebody without orders."""
    return ids.new_id()


def a_list_of(
    user_id: UUID,
    token: str = "",
    *,
    status: Status | None = None,
    size: int = 10,
    actor: Actor | None = None,
    whose: UUID | None = None,
) -> ListOrders:
    return ListOrders(actor or Actor(user_id, is_staff=False), whose, status, size, token)


async def everything(
    read_side: MongoReadSide, user_id: UUID, status: Status | None = None, size: int = 10
) -> list[ListedOrders]:
    """All pages, by their tokens."""
    pages, token = [], ""
    while True:
        page = await ListOrdersHandler(read_side, TOKENS)(a_list_of(user_id, token, status=status, size=size))
        pages.append(page)
        token = page.next_page_token
        if not token:
            return pages


async def test_what_was_projected_is_listed(read_side: MongoReadSide, user_id: UUID) -> None:
    order = an_order(user_id, Status.CONFIRMED)
    await read_side.project(order)

    page = await read_side.page(user_id, None, None, 10)
    assert (page.orders, page.end) == ([order], None)


async def test_nobody_sees_another_ones_orders(read_side: MongoReadSide, user_id: UUID) -> None:
    await read_side.project(an_order(user_id))
    assert (await read_side.page(ids.new_id(), None, None, 10)).orders == []


async def test_projecting_again_changes_nothing(read_side: MongoReadSide, user_id: UUID, mongo: Mongo) -> None:
    order = an_order(user_id)
    for _ in range(3):
        await read_side.project(order)

    assert (await read_side.page(user_id, None, None, 10)).orders == [order]
    counted = await mongo.collection("shelves").find_one({"_id": str(user_id)})
    assert counted is not None
    assert counted["orders"] == 1


async def test_an_older_state_never_replaces_a_newer_one(read_side: MongoReadSide, user_id: UUID) -> None:
    history = history_of(Status.CONFIRMED, Status.SHIPPED, user_id=user_id)
    for length in (3, 1, 2):
        await read_side.project(fold(history[:length]))

    (shown,) = (await read_side.page(user_id, None, None, 10)).orders
    assert shown == fold(history)


async def test_a_relay_that_was_paused_before_it_writes_does_no_harm_when_it_wakes(
    read_side: MongoReadSide, user_id: UUID, proxy: CutProxy
) -> None:
    """It has read the history long ago; its write reaches the store after a newer one, and finds that out there."""
    history = history_of(Status.CONFIRMED, Status.SHIPPED, user_id=user_id)
    await read_side.project(fold(history[:1]))
    mongo = Mongo(proxy.url)
    await mongo.start()
    try:
        proxy.hold_requests_with = b"pendingSince"
        paused = asyncio.create_task(MongoReadSide(mongo).project(fold(history[:2])))
        assert await asyncio.to_thread(proxy.held.wait, 60)
        await read_side.project(fold(history))
        assert not paused.done()
        proxy.hold_requests_with = None
        await paused
    finally:
        proxy.hold_requests_with = None
        await mongo.stop()

    (shown,) = (await read_side.page(user_id, None, None, 10)).orders
    assert shown == fold(history)


async def test_the_first_states_of_an_order_may_arrive_in_any_order_at_once(
    read_side: MongoReadSide, user_id: UUID
) -> None:
    for _ in range(20):
        history = history_of(Status.CONFIRMED, user_id=user_id)
        states = [fold(history[:1]), fold(history), fold(history[:1]), fold(history)]
        random.shuffle(states)
        await asyncio.gather(*map(read_side.project, states))

    shown = [order for page in await everything(read_side, user_id) for order in page.orders]
    assert len(shown) == 20
    assert {order.status for order in shown} == {Status.CONFIRMED}


async def test_pages_hold_every_order_once_newest_first(read_side: MongoReadSide, user_id: UUID) -> None:
    orders = [an_order(user_id, age=1000 - number) for number in range(3 * SHELF_HOLDS + 7)]
    for order in orders:
        await read_side.project(order)

    for size in (1, 10, SHELF_HOLDS, 100):
        pages = await everything(read_side, user_id, size=size)
        shown = [order for page in pages for order in page.orders]
        assert shown == orders[::-1]
        assert {len(page.orders) for page in pages[:-1]} <= {size}
        assert pages[-1].orders


async def test_orders_of_one_instant_are_paged_apart(read_side: MongoReadSide, user_id: UUID) -> None:
    at = clock.now()
    orders = [fold(history_of(user_id=user_id, at=at)) for _ in range(9)]
    for order in orders:
        await read_side.project(order)

    shown = [order.id for page in await everything(read_side, user_id, size=2) for order in page.orders]
    assert shown == sorted((order.id for order in orders), reverse=True)


async def test_pages_stay_put_while_orders_arrive(read_side: MongoReadSide, user_id: UUID) -> None:
    orders = [an_order(user_id, age=100 - number) for number in range(SHELF_HOLDS + 5)]
    for order in orders:
        await read_side.project(order)
    first = await read_side.page(user_id, None, None, 10)
    for _ in range(SHELF_HOLDS + 5):
        await read_side.project(an_order(user_id))

    second = await read_side.page(user_id, None, first.end, 10)

    assert [*first.orders, *second.orders] == orders[::-1][:20]


async def test_one_status_alone(read_side: MongoReadSide, user_id: UUID) -> None:
    orders = [
        an_order(user_id, *([Status.CONFIRMED] if number % 7 == 0 else []), age=1000 - number)
        for number in range(3 * SHELF_HOLDS)
    ]
    for order in orders:
        await read_side.project(order)

    for status in (Status.CONFIRMED, Status.PENDING, Status.SHIPPED):
        shown = [order for page in await everything(read_side, user_id, status, 4) for order in page.orders]
        assert shown == [order for order in orders[::-1] if order.status is status]


async def test_a_long_stretch_without_the_status_ends_a_page_early_not_the_list(
    read_side: MongoReadSide, user_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.order.adapters.read_side._MOST_SHELVES_A_PAGE", 2)
    oldest = an_order(user_id, Status.CANCELLED, age=1000)
    await read_side.project(oldest)
    for number in range(5 * SHELF_HOLDS):
        await read_side.project(an_order(user_id, age=900 - number))

    pages = await everything(read_side, user_id, Status.CANCELLED)

    assert [len(page.orders) for page in pages] == [0, 0, 0, 1]
    assert pages[-1].orders == [oldest]


async def test_many_projections_of_one_customer_at_once_all_show(read_side: MongoReadSide, user_id: UUID) -> None:
    orders = [an_order(user_id, age=number) for number in range(4 * SHELF_HOLDS)]
    await asyncio.gather(*map(read_side.project, orders))

    shown = [order.id for page in await everything(read_side, user_id) for order in page.orders]
    assert sorted(shown) == sorted(order.id for order in orders)


async def a_token(read_side: MongoReadSide, command: ListOrders) -> str:
    """The nextPageToken of a list's first page. (Its customer has more orders than that.)"""
    page = await ListOrdersHandler(read_side, TOKENS)(command)
    assert page.next_page_token
    return page.next_page_token


async def refused(read_side: MongoReadSide, command: ListOrders) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await ListOrdersHandler(read_side, TOKENS)(command)
    assert [violation.field for violation in refusal.value.violations] == ["pageToken"]


async def test_a_token_goes_on_with_the_list_it_is_of_and_no_other(read_side: MongoReadSide, user_id: UUID) -> None:
    other, sue, joe = ids.new_id(), Actor(ids.new_id(), is_staff=True), Actor(JOE, is_staff=True)
    for somebody in (user_id, user_id, user_id, other, other, other):
        await read_side.project(an_order(somebody))
    mine = await a_token(read_side, a_list_of(user_id, size=1))
    pending = await a_token(read_side, a_list_of(user_id, size=1, status=Status.PENDING))
    sues = await a_token(read_side, a_list_of(user_id, size=1, actor=sue, whose=user_id))

    for good in (
        a_list_of(user_id, mine),
        a_list_of(user_id, mine, whose=user_id),  # the same list by another name
        a_list_of(user_id, pending, status=Status.PENDING),
        a_list_of(user_id, sues, actor=sue, whose=user_id),
    ):
        assert len((await ListOrdersHandler(read_side, TOKENS)(good)).orders) == 2
    for bad in (
        a_list_of(user_id, mine, status=Status.PENDING),
        a_list_of(user_id, pending),
        a_list_of(user_id, pending, status=Status.CONFIRMED),
        a_list_of(other, mine),
        a_list_of(user_id, sues),
        a_list_of(user_id, mine, actor=sue, whose=user_id),
        a_list_of(user_id, sues, actor=sue, whose=other),
        a_list_of(user_id, sues, actor=sue),
        a_list_of(user_id, sues, actor=joe, whose=user_id),
    ):
        await refused(read_side, bad)


async def test_a_token_that_was_changed_or_made_up_is_refused(read_side: MongoReadSide, user_id: UUID) -> None:
    for _ in range(2):
        await read_side.project(an_order(user_id))
    token = await a_token(read_side, a_list_of(user_id, size=1))
    shelf, at, order_id, seal = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    made_up = [
        *(token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in range(len(token))),
        token[:-2],
        token + "A",
        "nonsense",
        encode_page_token(shelf, at, order_id),
        encode_page_token("1", at, order_id, seal),
        encode_page_token("x", at, order_id, seal),
        encode_page_token(shelf, "", order_id, seal),
        encode_page_token(shelf, at, str(ids.new_id()), seal),
        encode_page_token(shelf, at, order_id, ""),
        encode_page_token(shelf, at, order_id, "ключ"),
        SealedTokens(SecretStr("another secret of a service")).seal(
            (shelf, at, order_id), of=(str(user_id), str(user_id), "")
        ),
    ]
    for bad in made_up:
        await refused(read_side, a_list_of(user_id, bad))


async def test_only_staff_list_other_peoples_orders(read_side: MongoReadSide, user_id: UUID) -> None:
    order = an_order(user_id)
    await read_side.project(order)
    listing = ListOrdersHandler(read_side, TOKENS)
    for actor in (Actor(user_id, is_staff=False), Actor(SUE, is_staff=True)):
        assert (await listing(a_list_of(user_id, actor=actor, whose=user_id))).orders == [order]
    with pytest.raises(OnlyStaffListOthers):
        await listing(a_list_of(user_id, actor=Actor(ids.new_id(), is_staff=False), whose=user_id))
    assert (await listing(a_list_of(user_id, actor=Actor(ids.new_id(), is_staff=True)))).orders == []


async def test_orders_placed_meanwhile_neither_repeat_nor_hide_one(read_side: MongoReadSide, user_id: UUID) -> None:
    """A reader goes through a list page by page while others of the same customer's orders are placed and moved."""
    orders = [an_order(user_id, age=1000 - number) for number in range(2 * SHELF_HOLDS + 3)]
    for order in orders:
        await read_side.project(order)
    seen: list[UUID] = []
    token = ""
    while True:
        later = asyncio.gather(*(read_side.project(an_order(user_id)) for _ in range(4)))
        page = await ListOrdersHandler(read_side, TOKENS)(a_list_of(user_id, token, size=7))
        await later
        seen += [order.id for order in page.orders]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen))
    known = {order.id for order in orders}
    assert [order_id for order_id in seen if order_id in known] == [order.id for order in orders[::-1]]


async def test_every_look_up_is_served_by_an_index(
    read_side: MongoReadSide, store: MongoCommits, mongo: Mongo, user_id: UUID
) -> None:
    """As the store itself explains it, with enough in it that a scan would not do.

    Not among them, and slower with every order on FerretDB, which hands only equality on one field to an index:
    MongoCommits.order_ids (the walk of `argosy orders rebuild`) and MongoReadSide.pending_since, which reads all orders
    that are pending.
    """
    await read_side.project(an_order(user_id))
    (commit,) = history_of(user_id=user_id)
    await store.append(commit)
    others = [
        {**order_to_document(an_order(UUID(int=number))), "shelf": f"{number}/0", "slice": f"pending/{number}"}
        for number in range(3_000)
    ]
    await mongo.collection("orders").insert_many([{**one, "pendingSince": one["createdAt"]} for one in others])
    await mongo.collection("slices").insert_many(
        [{"_id": str(number), "of": f"of {number}"} for number in range(3_000)]
    )
    await mongo.collection("shelves").insert_many([{"_id": str(number), "orders": 1} for number in range(3_000)])
    first = {"version": 1, "published": True, "settled": True}
    commits = [{**first, "_id": f"{n}:1", "orderId": str(n), "slice": f"placed/{n}"} for n in range(3_000)]
    await mongo.collection("commits").insert_many(commits)
    minute = clock.now().replace(second=0, microsecond=0)
    look_ups: list[tuple[str, dict[str, object]]] = [
        ("orders", {"shelf": f"{user_id}/0"}),
        ("orders", {"_id": str(user_id)}),
        ("orders", {"pendingSince": minute, "createdAt": {"$lt": clock.now()}}),
        ("orders", {"slice": "pending/17"}),
        ("orders", {"slice": "pending/17", "createdAt": {"$lte": clock.now(), "$gte": minute}}),
        ("slices", {"_id": "17"}),
        ("slices", {"of": "of 17"}),
        ("shelves", {"_id": str(user_id)}),
        ("commits", {"_id": commit.id}),
        ("commits", {"orderId": str(commit.order_id)}),
        ("commits", {"published": False}),
        ("commits", {"settled": False}),
        ("commits", {"slice": "placed/17"}),
    ]
    assert len(await mongo.collection("orders").find(look_ups[0][1]).to_list(None)) == 1
    for collection, query in look_ups:
        plan = str(await mongo.database.command("explain", {"find": collection, "filter": query}))
        assert "Index Scan" in plan or "IXSCAN" in plan, plan
        assert "Seq Scan" not in plan, plan
        assert "COLLSCAN" not in plan, plan


async def test_those_that_wait_too_long_are_found(read_side: MongoReadSide, user_id: UUID) -> None:
    late, late_but_paid, fresh = (
        an_order(user_id, age=901),
        an_order(user_id, Status.CONFIRMED, age=901),
        an_order(user_id, age=899),
    )
    for order in (late, late_but_paid, fresh):
        await read_side.project(order)

    due = clock.now() - timedelta(seconds=900)
    for found in (
        await read_side.pending_since(due),
        await read_side.pending_between(due - timedelta(hours=1), due),
        await read_side.pending_between(due - timedelta(seconds=10), due),
    ):
        assert late.id in found
        assert not {late_but_paid.id, fresh.id} & set(found)


async def test_an_order_that_moves_on_waits_no_more(read_side: MongoReadSide, user_id: UUID) -> None:
    at = clock.now() - timedelta(seconds=1000)
    history = history_of(Status.CONFIRMED, user_id=user_id, at=at)
    due = clock.now() - timedelta(seconds=900)
    await read_side.project(fold(history[:1]))
    assert history[0].order_id in await read_side.pending_between(due - timedelta(hours=1), due)

    await read_side.project(fold(history))

    assert history[0].order_id not in await read_side.pending_between(due - timedelta(hours=1), due)
