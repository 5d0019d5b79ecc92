"""Reservations against a real PostgreSQL, with many orders at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from services.inventory.domain.bounds import TooMuchHeld
from services.inventory.domain.reservations import (
    Line,
    LinesRefused,
    NoReservation,
    OtherLines,
    OutOfStock,
    ReleaseReason,
    ReservationEnded,
    Status,
)
from tests.integration.inventory.lab import Inventory


async def test_a_reservation_holds_and_prices_every_line(inventory: Inventory) -> None:
    order = uuid4()
    reservation = await inventory.reserve(order, Line("chart", 2), Line("bell", 1, Decimal(89)), Line("chart", 1))
    assert [(line.product_id, line.quantity, line.price.minor) for line in reservation.lines] == [
        ("chart", 2, 1250),
        ("bell", 1, 8900),
        ("chart", 1, 1250),
    ]
    assert await inventory.stock("chart") == (10, 3)
    assert await inventory.stock("bell") == (10, 1)
    assert await inventory.published() == {"STOCK_RESERVED": 1}


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ((Line("bell", 1), Line("sail", 1)), LinesRefused),
        ((Line("bell", 1), Line("chart", 1, Decimal("0.01"))), LinesRefused),
        ((Line("bell", 1), Line("chart", 11)), OutOfStock),
    ],
)
async def test_a_refusal_changes_nothing(inventory: Inventory, lines: tuple[Line, ...], error: type[Exception]) -> None:
    order = uuid4()
    with pytest.raises(error):
        await inventory.reserve(order, *lines)
    assert await inventory.stock("bell") == (10, 0)
    assert await inventory.published() == {}
    assert await inventory.postgres.fetchval("SELECT count(*) FROM reservations") == 0


async def test_a_repeat_finds_the_reservation_and_extends_its_hold(inventory: Inventory) -> None:
    order = uuid4()
    first = await inventory.reserve(order, Line("bell", 2))
    await inventory.postgres.execute("UPDATE products SET price = 1 WHERE id = 'bell'")
    again = await inventory.reserve(order, Line("bell", 2))
    assert again.lines == first.lines
    assert again.expires_at > first.expires_at
    assert await inventory.stock("bell") == (10, 2)
    assert await inventory.published() == {"STOCK_RESERVED": 1}
    with pytest.raises(OtherLines):
        await inventory.reserve(order, Line("bell", 3))


async def test_fifty_repeats_at_once_hold_once(inventory: Inventory) -> None:
    order = uuid4()
    answers = await asyncio.gather(*(inventory.reserve(order, Line("bell", 2)) for _ in range(50)))
    assert {tuple(answer.lines) for answer in answers} == {tuple(answers[0].lines)}
    assert await inventory.stock("bell") == (10, 2)
    assert await inventory.published() == {"STOCK_RESERVED": 1}


async def test_the_last_pieces_go_to_as_many_orders_as_there_are_pieces(inventory: Inventory) -> None:
    """Two products each, asked for in both orders: nobody oversells and nobody deadlocks."""
    lines = (Line("bell", 1), Line("chart", 1))
    wanted = [inventory.reserve(uuid4(), *(lines if number % 2 else reversed(lines))) for number in range(60)]
    outcomes = Counter(type(outcome).__name__ for outcome in await asyncio.gather(*wanted, return_exceptions=True))
    assert outcomes == {"Reservation": 10, "OutOfStock": 50}
    assert await inventory.stock("bell") == (10, 10)
    assert await inventory.stock("chart") == (10, 10)


async def test_selling_takes_the_held_stock_once(inventory: Inventory) -> None:
    order = uuid4()
    await inventory.reserve(order, Line("bell", 3))
    await asyncio.gather(*(inventory.commit(order) for _ in range(10)))
    assert await inventory.stock("bell") == (7, 0)


async def test_orders_of_one_product_at_every_stage_never_wait_for_each_other_crosswise(inventory: Inventory) -> None:
    """What is refused for a deadlock is UNAVAILABLE: here nothing is."""
    await inventory.adjust("bell", 1000)
    at_once = asyncio.Semaphore(12)  # fewer than there are connections

    async def buy() -> None:
        async with at_once:
            order = uuid4()
            await inventory.reserve(order, Line("bell", 1))
            await inventory.commit(order)

    await asyncio.gather(*(buy() for _ in range(250)))
    assert await inventory.stock("bell") == (760, 0)


async def test_giving_back_returns_held_and_sold_stock_once(inventory: Inventory) -> None:
    held, sold = uuid4(), uuid4()
    await inventory.reserve(held, Line("bell", 3))
    await inventory.reserve(sold, Line("bell", 2))
    await inventory.commit(sold)
    await asyncio.gather(*(inventory.release(order) for order in (held, sold) for _ in range(5)))
    assert await inventory.stock("bell") == (10, 0)
    assert await inventory.published() == {"STOCK_RESERVED": 2, "STOCK_RELEASED": 2}


async def test_a_cancelled_order_can_neither_reserve_nor_buy(inventory: Inventory) -> None:
    overtaken, cancelled = uuid4(), uuid4()
    await inventory.release(overtaken)
    await inventory.reserve(cancelled, Line("bell", 1))
    await inventory.release(cancelled)
    for order in (overtaken, cancelled):
        with pytest.raises(ReservationEnded):
            await inventory.reserve(order, Line("bell", 1))
        with pytest.raises(ReservationEnded):
            await inventory.commit(order)
    with pytest.raises(NoReservation):
        await inventory.commit(uuid4())
    assert await inventory.stock("bell") == (10, 0)


async def test_an_unused_hold_ends_and_an_extended_one_does_not(inventory: Inventory) -> None:
    ended, extended = uuid4(), uuid4()
    for order in (ended, extended):
        await inventory.reserve(order, Line("bell", 1))
        await inventory.end_hold(order)
    await inventory.reserve(extended, Line("bell", 1))
    looked_at = await asyncio.gather(*(inventory.expire() for _ in range(5)))
    assert max(looked_at) == 1
    assert await inventory.stock("bell") == (10, 1)
    assert await inventory.published() == {"STOCK_RESERVED": 2, "STOCK_RELEASED": 1}


async def test_an_order_paid_after_its_hold_takes_the_stock_anew_while_there_is_some(inventory: Inventory) -> None:
    late, too_late = uuid4(), uuid4()
    for order in (late, too_late):
        await inventory.reserve(order, Line("bell", 5))
        await inventory.end_hold(order)
    await inventory.expire()
    assert (await inventory.commit(late)).status is Status.COMMITTED
    await inventory.reserve(uuid4(), Line("bell", 1))
    with pytest.raises(OutOfStock):
        await inventory.commit(too_late)
    assert await inventory.stock("bell") == (5, 1)


async def test_cancelling_an_expired_order_closes_it(inventory: Inventory) -> None:
    order = uuid4()
    await inventory.reserve(order, Line("bell", 5))
    await inventory.end_hold(order)
    await inventory.expire()
    assert (await inventory.release(order)).release_reason is ReleaseReason.CANCELLED
    with pytest.raises(ReservationEnded):
        await inventory.commit(order)
    assert await inventory.stock("bell") == (10, 0)


async def test_pages_of_the_catalog_are_in_order_and_complete(inventory: Inventory) -> None:
    async with inventory.work.read() as unit:
        first = await unit.products.page("", 1)
        second = await unit.products.page(first[-1].id, 5)
    assert [product.id for product in (*first, *second)] == ["bell", "chart"]


async def test_of_a_customers_orders_at_once_no_more_hold_stock_than_the_bound(inventory: Inventory) -> None:
    ada, bob = uuid4(), uuid4()
    attempts = (inventory.reserve_for(ada, Line("bell", 1)) for _ in range(12))
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    held = [answer for answer in answers if isinstance(answer, UUID)]
    assert (len(held), sum(isinstance(answer, TooMuchHeld) for answer in answers)) == (3, 9)
    assert (await inventory.product("bell")).available == 7
    await inventory.reserve_for(bob, Line("bell", 1))
    for order_id, ends in zip(held, (inventory.commit, inventory.release), strict=False):
        await ends(order_id)
    with pytest.raises(TooMuchHeld, match="at most 8 pieces"):
        await inventory.reserve_for(ada, Line("chart", 8))
    await inventory.reserve_for(ada, Line("chart", 7))
