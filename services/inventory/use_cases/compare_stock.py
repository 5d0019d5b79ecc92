"""Compare the numbers of products with their last move and with what reservations hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.comparison import Drift, Page
from services.inventory.domain.stock import ComparedStock
from services.inventory.ports import InventoryUnit, Work

STOCK_DIFFERS = "stock_differs"


@dataclass(frozen=True)
class CompareStock:
    """Subjects are products. The numbers are of one instant, so nothing is ever under way."""

    work: Work

    name = "stock"
    kinds: Sequence[str] = (STOCK_DIFFERS,)

    async def page(self, place: str, limit: int) -> Page:
        """The next products."""
        async with self.work.read() as unit:
            products = await unit.products.page(place, limit)
        return Page.of([one.id for one in products], limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The products of the order's reservation."""
        async with self.work.read() as unit:
            return await unit.reservations.products(order_id)

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store is away."""
        async with self.work.read() as unit:
            return [_drift(one) for one in await unit.stock.compared(subjects) if one.differs]

    async def mend(self, drift: Drift) -> None:
        """Set the product's numbers to what moves and reservations come to, and record that as a move."""
        async with self.work.begin("inventory.reconcile") as unit:
            await self._mend(unit, drift.subject)

    async def _mend(self, unit: InventoryUnit, product_id: str) -> None:
        if await unit.stock.lock(product_id) is None:
            return
        found = await unit.stock.compared([product_id])  # now that nobody else changes them
        if found and found[0].differs and found[0].can_be_repaired:
            await unit.stock.reconcile(found[0])


def _drift(one: ComparedStock) -> Drift:
    ours = f"{one.on_hand} on hand, {one.held} held"
    theirs = f"moves come to {one.moved_on_hand} on hand, {one.moved_held} held; reservations hold {one.promised}"
    repair = f"it becomes {one.moved_on_hand} on hand, {one.promised} held" if one.can_be_repaired else None
    return Drift(STOCK_DIFFERS, one.product_id, ours, theirs, repair)
