"""What is deleted after its time, and what stays however old it is: stock that may come back, and the books."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import asyncpg
import pytest

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis.bus.events import Event
from services.chassis.data.housekeeping import Housekeeping
from services.chassis.plain import clock
from services.inventory.domain.reservations import Line
from services.inventory.entrypoints.workers import chores
from services.inventory.settings import InventorySettings
from tests.integration.inventory.lab import Inventory
from tests.integration.inventory.test_stock import books_agree

SETTINGS = cast(InventorySettings, SimpleNamespace(keep_reservations_days=180, keep_stock_moves_days=730))


async def keep_house(inventory: Inventory) -> None:
    await Housekeeping(inventory.postgres, *chores(SETTINGS), batch=2).once()


async def age_reservations(inventory: Inventory, days: int) -> None:
    await inventory.postgres.execute(
        "UPDATE reservations SET created_at = created_at - $1::int * interval '1 day',"
        " updated_at = updated_at - $1::int * interval '1 day', shipped_at = shipped_at - $1::int * interval '1 day'",
        days,
    )


async def age_moves(inventory: Inventory, days: int) -> None:
    async with inventory.postgres.transaction() as connection:
        await connection.execute("ALTER TABLE stock_moves DISABLE TRIGGER stock_moves_append_only")
        await connection.execute("UPDATE stock_moves SET moved_at = moved_at - $1::int * interval '1 day'", days)
        await connection.execute("ALTER TABLE stock_moves ENABLE TRIGGER stock_moves_append_only")


async def hear(inventory: Inventory, order_id: UUID, status: str, event_id: UUID | None = None) -> None:
    """The service hears that an order has reached a state."""
    event = Event(
        id=event_id or uuid4(),
        type="ORDER_STATUS_UPDATED",
        time=clock.now(),
        source="/argosy/order",
        subject="",
        key=str(order_id),
        sequence=None,
        message=OrderStatusUpdated(order_id=str(order_id), status=status),
        traceparent="",
        topic="order-events",
        partition=0,
        offset=0,
    )
    await inventory.consume(event)


async def reserved(inventory: Inventory, *statuses: str, quantity: int = 1) -> UUID:
    """An order that holds bells and has then reached these states."""
    order_id = uuid4()
    await inventory.reserve(order_id, Line("bell", quantity))
    for status in statuses:
        await hear(inventory, order_id, status)
    return order_id


async def kept(inventory: Inventory) -> set[UUID]:
    rows = await inventory.postgres.fetch("SELECT order_id FROM reservations JOIN reservation_items USING (order_id)")
    return {row["order_id"] for row in rows}


async def test_only_reservations_that_can_change_no_stock_any_more_are_deleted(inventory: Inventory) -> None:
    held, sold = await reserved(inventory), await reserved(inventory, "confirmed")
    over = [await reserved(inventory, "confirmed", "shipped") for _ in range(3)]
    over += [await reserved(inventory, "cancelled"), await reserved(inventory, "confirmed", "cancelled")]
    await age_reservations(inventory, 179)
    await keep_house(inventory)
    assert await kept(inventory) == {held, sold, *over}
    await age_reservations(inventory, 2)
    young = await reserved(inventory, "confirmed", "shipped")
    stock = await inventory.stock("bell")
    await keep_house(inventory)
    assert await kept(inventory) == {held, sold, young}
    assert await inventory.postgres.fetchval("SELECT count(*) FROM reservation_items") == 3
    assert await inventory.stock("bell") == stock
    # What is kept still does what it is kept for.
    await hear(inventory, sold, "cancelled")
    await hear(inventory, held, "confirmed")
    assert await inventory.stock("bell") == (stock[0], 0)


async def test_an_event_that_is_read_again_after_the_pruning_changes_nothing(inventory: Inventory) -> None:
    events = {status: uuid4() for status in ("confirmed", "shipped")}
    order_id = uuid4()
    await inventory.reserve(order_id, Line("bell", 2))
    for status, event_id in events.items():
        await hear(inventory, order_id, status, event_id)
    returned = await reserved(inventory, "cancelled")
    await age_reservations(inventory, 181)
    await keep_house(inventory)
    assert await kept(inventory) == set()
    before = await inventory.stock("bell"), await inventory.moves("bell")
    for status, event_id in events.items():
        await hear(inventory, order_id, status, event_id)
    await hear(inventory, order_id, "shipped")
    await hear(inventory, returned, "cancelled")
    assert (await inventory.stock("bell"), await inventory.moves("bell")) == before


async def test_old_moves_become_the_opening_and_the_books_agree(inventory: Inventory) -> None:
    for _ in range(3):
        await reserved(inventory, "confirmed")
        await inventory.adjust("bell", 2)
    await age_moves(inventory, 600)
    await keep_house(inventory)
    assert len(await inventory.moves("bell")) == 10
    await age_moves(inventory, 131)
    await reserved(inventory, quantity=4)
    await inventory.adjust("bell", 1, "delivery")
    await asyncio.gather(*(keep_house(inventory) for _ in range(4)))
    await keep_house(inventory)
    assert [move.kind for move in await inventory.moves("bell")] == ["opening", "reserve", "adjust"]
    assert [move.kind for move in await inventory.moves("chart")] == ["opening"]
    await books_agree(inventory, "bell")
    await books_agree(inventory, "chart")

    await age_moves(inventory, 731)
    await reserved(inventory)
    await keep_house(inventory)
    assert [move.kind for move in await inventory.moves("bell")] == ["opening", "reserve"]
    await books_agree(inventory, "bell")


async def test_moves_that_stand_in_another_order_than_their_instants_are_folded_whole(inventory: Inventory) -> None:
    for _ in range(4):
        await inventory.adjust("bell", 1)
    await age_moves(inventory, 731)
    async with inventory.postgres.transaction() as connection:  # as those of transactions that waited for each other
        await connection.execute("ALTER TABLE stock_moves DISABLE TRIGGER stock_moves_append_only")
        await connection.execute("UPDATE stock_moves SET moved_at = moved_at - id * interval '1 ms'")
        await connection.execute("ALTER TABLE stock_moves ENABLE TRIGGER stock_moves_append_only")
    await keep_house(inventory)
    assert [move.kind for move in await inventory.moves("bell")] == ["opening"]
    await books_agree(inventory, "bell")


async def test_young_moves_are_deleted_by_nobody(inventory: Inventory) -> None:
    await inventory.adjust("bell", 1)
    await age_moves(inventory, 90)
    before = await inventory.moves("bell")
    for statement in ("DELETE FROM stock_moves", "UPDATE stock_moves SET on_hand = 0"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await inventory.postgres.execute(statement)
    await age_moves(inventory, 900)
    with pytest.raises(asyncpg.RestrictViolationError):
        await inventory.postgres.execute("UPDATE stock_moves SET on_hand = 0")
    assert len(await inventory.moves("bell")) == len(before)
