"""Staff's changes of stock, the record of every move, and StockLow events: concurrently."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from uuid import uuid4

import asyncpg
import pytest

from argosy.event.v1.inventory_events_pb2 import StockLow
from services.chassis.plain.errors import IdempotencyMismatch
from services.inventory.domain.products import UnknownProduct
from services.inventory.domain.reservations import Line, OutOfStock
from services.inventory.domain.stock import AdjustmentRefused, StockMove
from services.inventory.use_cases.list_stock_moves import ListStockMoves
from tests.integration.inventory.lab import STAFF, Inventory


async def books_agree(inventory: Inventory, product_id: str) -> None:
    """The moves come to the product's numbers, and each goes on from the one before it."""
    moves = await inventory.moves(product_id)
    on_hand, held = await inventory.stock(product_id)
    assert moves[0].kind == "opening"
    assert (sum(move.on_hand_delta for move in moves), sum(move.held_delta for move in moves)) == (on_hand, held)
    for before, after in pairwise(moves):
        assert (before.on_hand + after.on_hand_delta, before.held + after.held_delta) == (after.on_hand, after.held)
    assert (moves[-1].on_hand, moves[-1].held) == (on_hand, held)


async def test_staff_add_and_take(inventory: Inventory) -> None:
    more = await inventory.adjust("bell", 5, "delivery 42")
    assert (more.product_id, more.kind, more.on_hand_delta, more.on_hand, more.held) == (
        "bell",
        "adjust",
        5,
        15,
        0,
    )
    assert (more.reason, more.moved_by, more.order_id) == ("delivery 42", STAFF, None)
    less = await inventory.adjust("bell", -15)
    assert (less.on_hand, less.reason) == (0, None)
    assert await inventory.stock("bell") == (0, 0)
    assert await inventory.stock("chart") == (10, 0)
    await books_agree(inventory, "bell")


async def test_what_is_held_stays(inventory: Inventory) -> None:
    await inventory.reserve(uuid4(), Line("bell", 3))
    before = await inventory.moves("bell")
    with pytest.raises(AdjustmentRefused, match=r"^delta: must be at least -7: of 10 in stock, 3 are held for orders$"):
        await inventory.adjust("bell", -8, key="k-too-much")
    assert await inventory.stock("bell") == (10, 3)
    assert await inventory.moves("bell") == before
    assert await inventory.postgres.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    await inventory.adjust("bell", -7)
    assert await inventory.stock("bell") == (3, 3)


async def test_what_cannot_be(inventory: Inventory) -> None:
    with pytest.raises(AdjustmentRefused, match="must be at least -10: 10 are in stock"):
        await inventory.adjust("bell", -11)
    await inventory.adjust("bell", 1_000_000_000)
    with pytest.raises(AdjustmentRefused, match="must be at most 999999990"):
        await inventory.adjust("bell", 1_000_000_000)
    with pytest.raises(UnknownProduct):
        await inventory.adjust("sail", 1)
    assert await inventory.stock("bell") == (1_000_000_010, 0)


async def test_fifty_with_one_key_restock_once(inventory: Inventory) -> None:
    answers = await asyncio.gather(*(inventory.adjust("bell", 5, key="k-once") for _ in range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert await inventory.stock("bell") == (15, 0)
    with pytest.raises(IdempotencyMismatch):
        await inventory.adjust("bell", 6, key="k-once")
    assert await inventory.stock("bell") == (15, 0)


async def test_thirty_who_take_at_once_take_no_more_than_there_is(inventory: Inventory) -> None:
    outcomes = await asyncio.gather(*(inventory.adjust("bell", -1) for _ in range(30)), return_exceptions=True)
    assert sum(isinstance(outcome, StockMove) for outcome in outcomes) == 10
    assert all(isinstance(outcome, StockMove | AdjustmentRefused) for outcome in outcomes)
    assert await inventory.stock("bell") == (0, 0)


async def test_every_step_of_an_order_is_a_move(inventory: Inventory) -> None:
    sold, cancelled, returned, expired = uuid4(), uuid4(), uuid4(), uuid4()
    for order in (sold, cancelled, returned, expired):
        await inventory.reserve(order, Line("bell", 1), Line("bell", 1))
    await inventory.commit(sold)
    await inventory.release(cancelled)
    await inventory.commit(returned)
    await inventory.release(returned)
    await inventory.end_hold(expired)
    await inventory.expire()
    await inventory.commit(expired)  # paid late: the stock is taken anew
    for order in (sold, cancelled, returned, expired):  # repeats move nothing
        await (inventory.commit(order) if order in (sold, expired) else inventory.release(order))
    moves = await inventory.moves("bell")
    by_order = {
        order: [(m.kind, m.on_hand_delta, m.held_delta) for m in moves if m.order_id == order]
        for order in (sold, cancelled, returned, expired)
    }
    reserve = ("reserve", 0, 2)
    assert by_order == {
        sold: [reserve, ("commit", -2, -2)],
        cancelled: [reserve, ("release", 0, -2)],
        returned: [reserve, ("commit", -2, -2), ("release", 2, 0)],
        expired: [reserve, ("expire", 0, -2), ("commit", -2, 0)],
    }
    await books_agree(inventory, "bell")


async def test_what_is_refused_is_no_move(inventory: Inventory) -> None:
    with pytest.raises(OutOfStock):
        await inventory.reserve(uuid4(), Line("bell", 1), Line("chart", 11))
    for product in ("bell", "chart"):
        assert [move.kind for move in await inventory.moves(product)] == ["opening"]


async def test_orders_and_staff_at_once_leave_books_that_agree(inventory: Inventory) -> None:
    chance = random.Random(7)
    at_once = asyncio.Semaphore(12)  # fewer than there are connections

    async def buy() -> None:
        order = uuid4()
        lines = [Line("bell", 1), Line("chart", chance.randint(1, 2))]
        await inventory.reserve(order, *(lines if chance.random() < 0.5 else lines[::-1]))
        await (inventory.commit(order) if chance.random() < 0.5 else inventory.release(order))
        if chance.random() < 0.3:
            await inventory.release(order)

    async def restock() -> None:
        await inventory.adjust(chance.choice(("bell", "chart")), chance.choice((-2, 1, 4)))

    async def somebody() -> None:
        async with at_once:
            await (buy() if chance.random() < 0.7 else restock())

    outcomes = await asyncio.gather(*(somebody() for _ in range(120)), return_exceptions=True)
    wrong = [o for o in outcomes if o is not None and not isinstance(o, OutOfStock | AdjustmentRefused)]
    assert wrong == [], [repr(error.__cause__) for error in wrong]
    for product in ("bell", "chart"):
        await books_agree(inventory, product)
        on_hand, held = await inventory.stock(product)
        assert (held, on_hand >= 0) == (0, True)


async def test_moves_are_neither_changed_nor_deleted(inventory: Inventory) -> None:
    for statement in ("UPDATE stock_moves SET held = 0", "DELETE FROM stock_moves", "DELETE FROM products"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await inventory.postgres.execute(statement)


async def test_pages_of_moves_are_newest_first_and_complete(inventory: Inventory) -> None:
    for delta in range(1, 7):
        await inventory.adjust("bell", delta)
    seen: list[int] = []
    before = None
    while True:
        page, before = await inventory.list_moves(ListStockMoves("bell", before=before, size=3))
        seen += [move.on_hand_delta for move in page]
        if before is None:
            break
    assert seen == [6, 5, 4, 3, 2, 1, 10]
    with pytest.raises(UnknownProduct):
        await inventory.list_moves(ListStockMoves("sail", before=None, size=3))


async def test_the_history_has_an_index(inventory: Inventory) -> None:
    async with inventory.postgres.connection() as connection:
        await connection.execute(
            "INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held)"
            " SELECT CASE WHEN n % 100 = 0 THEN 'bell' ELSE 'chart' END, 'adjust', 0, 0, 10, 0"
            " FROM generate_series(1, 10000) AS n"
        )
        await connection.execute("ANALYZE stock_moves")
        query = "SELECT * FROM stock_moves WHERE product_id = 'bell' AND id < 9000 ORDER BY id DESC LIMIT 20"
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}"))
    assert "stock_moves_of_product" in plan
    assert "Sort" not in plan


class TestRunningLow:
    """STOCK_LOW: once each time that a product falls below its threshold."""

    async def test_once_a_crossing_and_not_once_an_order(self, inventory: Inventory) -> None:
        await inventory.set_threshold("bell", 8)
        orders = [uuid4() for _ in range(6)]
        for order, count in zip(orders, (0, 0, 1, 1, 1, 1), strict=True):  # 9, 8, then 7 and less
            await inventory.reserve(order, Line("bell", 1))
            assert len(await inventory.low_stock_events()) == count
        await inventory.commit(orders[0])
        await inventory.reserve(orders[1], Line("bell", 1))  # a repeat
        assert await inventory.low_stock_events() == ["bell"]
        for order in orders[:4]:
            await inventory.release(order)  # 8 again
        assert await inventory.low_stock_events() == ["bell"]
        await inventory.reserve(uuid4(), Line("bell", 1))
        assert await inventory.low_stock_events() == ["bell", "bell"]

    async def test_many_at_once_cross_once(self, inventory: Inventory) -> None:
        await inventory.set_threshold("bell", 5)
        await asyncio.gather(*(inventory.reserve(uuid4(), Line("bell", 1)) for _ in range(30)), return_exceptions=True)
        assert await inventory.stock("bell") == (10, 10)
        assert await inventory.low_stock_events() == ["bell"]

    async def test_staff_can_take_it_there_and_away(self, inventory: Inventory) -> None:
        await inventory.set_threshold("bell", 10)
        await inventory.adjust("bell", -1)
        await inventory.adjust("bell", -1)
        await inventory.adjust("bell", 2)
        await inventory.adjust("bell", -5)
        assert await inventory.low_stock_events() == ["bell", "bell"]
        row = await inventory.postgres.fetchrow(
            "SELECT topic, subject, value FROM outbox WHERE type = 'STOCK_LOW' ORDER BY position DESC LIMIT 1"
        )
        assert row is not None
        assert (row["topic"], row["subject"]) == ("inventory-events", "bell")
        assert StockLow.FromString(row["value"]) == StockLow(product_id="bell", available=5)

    async def test_an_order_that_is_refused_publishes_nothing(self, inventory: Inventory) -> None:
        await inventory.set_threshold("bell", 9)
        with pytest.raises(OutOfStock):
            await inventory.reserve(uuid4(), Line("bell", 5), Line("chart", 11))
        assert await inventory.low_stock_events() == []

    async def test_a_late_sale_takes_it_there_too(self, inventory: Inventory) -> None:
        order = uuid4()
        await inventory.reserve(order, Line("bell", 5))
        await inventory.end_hold(order)
        await inventory.expire()
        await inventory.set_threshold("bell", 6)
        await inventory.commit(order)
        assert await inventory.low_stock_events() == ["bell"]

    async def test_without_a_threshold_the_services_own_holds(self, inventory: Inventory) -> None:
        await inventory.adjust("bell", -10)
        assert await inventory.low_stock_events() == []  # the lab's is 0: never
