"""Placing orders on the real store: once a key, whoever repeats, races or dies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.chassis.data.mongo import Mongo
from services.chassis.plain import ids
from services.chassis.plain.errors import IdempotencyMismatch, InvalidArgument
from services.chassis.plain.money import Money
from services.chassis.plain.unit_of_work import Repeatable
from services.order.adapters.commits import MongoCommits
from services.order.domain.history import Commit, fold
from services.order.domain.orders import Address, Line, Order, RequestedLine, Standing, Status
from services.order.ports import HoldEnded, NotStored, OutcomeUnknown
from services.order.use_cases.place_order import PlaceOrder, PlaceOrderHandler
from services.order.use_cases.resolve_orders import ResolveOrders, ResolveOrdersHandler
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from tests.integration.order.support import FakeInventory, journal
from tests.unit.order.examples import ADDRESS, STAFF, history_of


class FailingStore(MongoCommits):
    """Fails to store, so many times, with the given error."""

    def __init__(self, mongo: Mongo, *failures: Exception) -> None:
        super().__init__(mongo)
        self.failures = list(failures)

    async def append(self, commit: Commit) -> None:
        if self.failures:
            raise self.failures.pop(0)
        await super().append(commit)


@pytest.fixture
def inventory() -> FakeInventory:
    """Inventory, with endless stock."""
    return FakeInventory()


@pytest.fixture
def announced() -> list[Sequence[Commit]]:
    """The histories that were announced to the outbox."""
    return []


@pytest.fixture
def place(
    store: MongoCommits, inventory: FakeInventory, announced: list[Sequence[Commit]]
) -> Callable[..., PlaceOrderHandler]:
    """Makes the use case on the real store, or on another."""

    async def announce(history: Sequence[Commit]) -> None:
        announced.append(history)

    def make(on: MongoCommits = store) -> PlaceOrderHandler:
        return PlaceOrderHandler(journal(on, announce), inventory)

    return make


def a_command(key: str | None = None, **changes: Any) -> PlaceOrder:
    command = PlaceOrder(
        user_id=ids.new_id(),
        stated_user_id=None,
        lines=[RequestedLine("bell", 2, Decimal("89.00")), RequestedLine("chart", 1)],
        shipping_address=ADDRESS,
        request=Repeatable(key, b"print"),
    )
    return replace(command, **changes)


async def test_an_order_is_placed_at_the_prices_it_was_held_at(
    place: Callable[..., PlaceOrderHandler],
    inventory: FakeInventory,
    store: MongoCommits,
    announced: list[Sequence[Commit]],
) -> None:
    command = a_command()
    order = await place()(command)

    assert (order.status, order.user_id, order.total) == (
        Status.PENDING,
        command.user_id,
        Money(2 * 8900 + 1250, "USD"),
    )
    assert inventory.held == {order.id: [("bell", 2), ("chart", 1)]}
    (commit,) = await store.load(order.id)
    assert fold([commit]) == order
    assert announced == [(commit,)]


async def test_an_order_that_is_placed_is_counted_as_created_once(place: Callable[..., PlaceOrderHandler]) -> None:
    command = a_command("k")
    before = REGISTRY.get_sample_value("orders_total", {"status": "created"})
    assert before is not None
    for _ in range(2):
        await place()(command)
    assert REGISTRY.get_sample_value("orders_total", {"status": "created"}) == before + 1
    assert REGISTRY.get_sample_value("orders_total", {"status": "pending"}) is None


async def test_without_a_key_every_call_is_an_order(place: Callable[..., PlaceOrderHandler]) -> None:
    command = a_command()
    first, second = await place()(command), await place()(command)
    assert first.id != second.id


async def test_a_hundred_calls_with_one_key_are_one_order(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, store: MongoCommits, mongo: Mongo
) -> None:
    command = a_command("k")
    answers = await asyncio.gather(*(place()(command) for _ in range(100)))

    assert all(answer == answers[0] for answer in answers)
    assert len(await store.load(answers[0].id)) == 1
    assert inventory.held.keys() == {answers[0].id}
    assert inventory.released == set()
    mine = await mongo.collection("commits").count_documents({"events.userId": str(command.user_id)})
    assert mine == 1


async def test_of_two_requests_with_one_key_one_is_placed_and_the_other_is_refused(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, store: MongoCommits
) -> None:
    lines = a_command("k")
    others = [
        replace(lines, request=Repeatable("k", b"other lines"), lines=[RequestedLine("chart", 9)]),
        replace(
            lines,
            request=Repeatable("k", b"other address"),
            shipping_address=Address("2 Quay", "Delphi", "", "33054", "GR"),
        ),
    ]
    for other in others:
        lines, other = replace(lines, user_id=(user := ids.new_id())), replace(other, user_id=user)
        commands = [lines, other] * 20
        answers = await asyncio.gather(*(place()(command) for command in commands), return_exceptions=True)

        orders = [answer for answer in answers if isinstance(answer, Order)]
        assert len(orders) == 20
        assert all(order == orders[0] for order in orders)
        assert sum(isinstance(answer, IdempotencyMismatch) for answer in answers) == 20
        assert len(await store.load(orders[0].id)) == 1
    assert inventory.released == set()


async def test_a_key_belongs_to_one_customer(place: Callable[..., PlaceOrderHandler]) -> None:
    mine, yours = await place()(a_command("k")), await place()(a_command("k"))
    assert mine.id != yours.id


async def test_a_repeat_gets_the_first_answer_whatever_has_happened_since(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, store: MongoCommits
) -> None:
    command = a_command("k")
    placed = await place()(command)
    update = UpdateStatusHandler(journal(store))
    await update(UpdateStatus(placed.id, Status.CANCELLED, STAFF))
    asked = inventory.holds

    assert await place()(command) == placed
    assert inventory.holds == asked
    assert len(await store.load(placed.id)) == 2


async def test_dying_between_hold_and_commit_leaves_a_key_that_works(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, mongo: Mongo, store: MongoCommits
) -> None:
    command = a_command("k")
    with pytest.raises(asyncio.CancelledError):
        await place(FailingStore(mongo, asyncio.CancelledError()))(command)  # type: ignore[arg-type]
    (held,) = inventory.held

    order = await place()(command)

    assert order.id == held
    assert inventory.released == set()
    assert len(await store.load(held)) == 1


async def test_without_a_key_what_certainly_failed_holds_nothing(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, mongo: Mongo
) -> None:
    with pytest.raises(NotStored):
        await place(FailingStore(mongo, NotStored()))(a_command())
    assert inventory.released == inventory.held.keys()


async def test_what_may_have_been_stored_keeps_its_stock(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, mongo: Mongo
) -> None:
    for key in (None, "k"):
        with pytest.raises(OutcomeUnknown):
            await place(FailingStore(mongo, OutcomeUnknown()))(a_command(key))
    assert len(inventory.held) == 2
    assert inventory.released == set()


async def test_with_a_key_a_failure_takes_nothing_from_the_one_who_succeeds(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, mongo: Mongo, store: MongoCommits
) -> None:
    command = a_command("k")
    failing = place(FailingStore(mongo, *(NotStored() for _ in range(10))))
    answers = await asyncio.gather(*(failing(command) for _ in range(20)), return_exceptions=True)

    orders = [answer for answer in answers if isinstance(answer, Order)]
    assert len(orders) == 10
    assert inventory.released == set()
    assert await place()(command) == orders[0]


async def test_a_key_whose_hold_was_released_is_refused(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, mongo: Mongo, store: MongoCommits
) -> None:
    command = a_command("k")
    with pytest.raises(OutcomeUnknown):
        await place(FailingStore(mongo, OutcomeUnknown()))(command)
    (held,) = inventory.held
    await inventory.release(held)

    with pytest.raises(HoldEnded):
        await place()(command)
    assert await store.load(held) == []


@pytest.mark.parametrize("key", [None, "k"])
async def test_an_order_that_was_closed_while_it_was_placed_is_refused_and_holds_nothing(
    place: Callable[..., PlaceOrderHandler], inventory: FakeInventory, store: MongoCommits, key: str | None
) -> None:
    """The process was paused for longer than its hold lasts."""
    hold = inventory.hold

    async def hold_and_pause(order_id: UUID, user_id: UUID, lines: Iterable[RequestedLine]) -> list[Line]:
        held = await hold(order_id, user_id, lines)
        (standing,) = await ResolveOrdersHandler(journal(store))(ResolveOrders([order_id]))
        assert standing is Standing.CLOSED
        return held

    inventory.hold = hold_and_pause  # type: ignore[method-assign]
    with pytest.raises(HoldEnded):
        await place()(a_command(key))
    (order_id,) = inventory.held
    assert inventory.released == {order_id}, "also what a repeat made last in the meantime"
    assert await store.load(order_id) == []


async def test_orders_are_resolved_by_what_has_become_of_them(store: MongoCommits, mongo: Mongo) -> None:
    ways: dict[tuple[Status, ...], Standing] = {
        (): Standing.OPEN,
        (Status.CONFIRMED,): Standing.OPEN,
        (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED): Standing.OPEN,
        (Status.CANCELLED,): Standing.CANCELLED,
        (Status.CONFIRMED, Status.CANCELLED): Standing.CANCELLED,
    }
    histories = [history_of(*way) for way in ways]
    for commit in itertools.chain(*histories):
        await store.append(commit)
    broken, unknown = ids.new_id(), ids.new_id()
    await mongo.collection("commits").insert_one({"_id": f"{broken}:2", "orderId": str(broken), "version": 2})
    order_ids = [*(history[0].order_id for history in histories), unknown, broken]

    for _ in range(2):
        standings = await ResolveOrdersHandler(journal(store))(ResolveOrders(order_ids))
        assert standings == [*ways.values(), Standing.CLOSED, Standing.OPEN]
    assert [await store.load(history[0].order_id) for history in histories] == histories
    await mongo.collection("commits").delete_one({"_id": f"{broken}:2"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stated_user_id": ids.new_id()}, "userId"),
        ({"shipping_address": Address(" ", "Corinth", "", "20100", "GR")}, "shippingAddress.street"),
        ({"shipping_address": Address("1 Quay", "\t", "", "20100", "GR")}, "shippingAddress.city"),
        ({"shipping_address": Address("1 Quay", "Corinth", " ", "20100", "GR")}, "shippingAddress.state"),
        ({"shipping_address": Address("1 Quay", "Corinth", "", "  ", "GR")}, "shippingAddress.zipCode"),
    ],
)
async def test_bad_input_is_named_and_holds_nothing(
    place: Callable[..., PlaceOrderHandler],
    inventory: FakeInventory,
    announced: list[Sequence[Commit]],
    changes: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await place()(a_command(**changes))
    assert [violation.field for violation in refused.value.violations] == [field]
    assert (inventory.holds, announced) == (0, [])


async def test_the_callers_own_id_may_be_stated(place: Callable[..., PlaceOrderHandler]) -> None:
    user_id = ids.new_id()
    assert (await place()(a_command(user_id=user_id, stated_user_id=user_id))).user_id == user_id
