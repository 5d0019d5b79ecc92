"""Compares the numbers of products with their last move and with what reservations hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Connection, Postgres
from services.chassis.reconciliation import Drift, Page
from services.inventory import moves, store
from services.inventory.moves import ComparedStock

STOCK_DIFFERS = "stock_differs"


@dataclass(frozen=True)
class CompareStock:
    """Subjects are products. The three numbers are read in one statement, so nothing is ever under way."""

    postgres: Postgres

    name = "stock"
    kinds: Sequence[str] = (STOCK_DIFFERS,)

    async def page(self, place: str, limit: int) -> Page:
        """The next products."""
        async with self.postgres.connection() as connection:
            products = await store.page_of_products(connection, place, limit)
        return Page([one.id for one in products], products[-1].id if len(products) == limit else "")

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The products of the order's reservation."""
        rows = await self.postgres.fetch(
            "SELECT DISTINCT product_id FROM reservation_items WHERE order_id = $1", order_id
        )
        return [row["product_id"] for row in rows]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs."""
        async with self.postgres.connection() as connection:
            return [_drift(one) for one in await moves.compared(connection, subjects) if one.differs]

    async def mend(self, drift: Drift) -> None:
        """Set the product's numbers to what moves and reservations say, and record that as a move."""
        async with self.postgres.transaction() as connection:
            await self._mend(connection, drift.subject)

    async def _mend(self, connection: Connection, product_id: str) -> None:
        if await moves.lock_stock(connection, product_id) is None:
            return
        found = await moves.compared(connection, [product_id])  # now that nobody else changes them
        if found and found[0].differs and found[0].can_be_repaired:
            await moves.reconcile(connection, found[0])


def _drift(one: ComparedStock) -> Drift:
    ours = f"{one.on_hand} on hand, {one.held} held"
    theirs = f"moves come to {one.moved_on_hand} on hand, {one.moved_held} held; reservations hold {one.promised}"
    repair = f"it becomes {one.moved_on_hand} on hand, {one.promised} held" if one.can_be_repaired else None
    return Drift(STOCK_DIFFERS, one.product_id, ours, theirs, repair)
