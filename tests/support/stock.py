"""Inventory's stock, changed behind the back of a running system."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

import asyncpg

from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_work import PostgresWork
from services.inventory.adapters.unit_of_work import PostgresInventoryUnit
from services.inventory.domain.reservations import ReleaseReason
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler
from tests.support.real_stack import RealStack


async def release_holds(stack: RealStack, order_ids: Iterable[str]) -> None:
    """Gives back what orders hold as if nobody had used it in time, whatever has become of the orders."""
    postgres = Postgres(stack.postgres_url("inventory"), "test", size=1)
    await postgres.start()
    try:
        work = PostgresWork(postgres, PostgresInventoryUnit)
        release = ReleaseReservationHandler(work)
        for order_id in order_ids:
            async with work.begin("test") as unit:
                await release.within(unit, UUID(order_id), ReleaseReason.EXPIRED)
    finally:
        await postgres.stop()


async def new_product(stack: RealStack, on_hand: int) -> str:
    """The id of a new product of 12.50 USD with that much in stock."""
    product_id = f"test-{uuid4().hex[:12]}"
    connection = await asyncpg.connect(stack.postgres_url("inventory"))
    try:
        await connection.execute(
            "INSERT INTO products (id, name, price, on_hand) VALUES ($1, 'Test', 12.50, $2)", product_id, on_hand
        )
    finally:
        await connection.close()
    return product_id
