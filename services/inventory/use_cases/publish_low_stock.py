"""A step of other use cases: publish that a product is running low."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.inventory.domain.facts import StockLow
from services.inventory.domain.stock import Level, has_run_low
from services.inventory.ports import InventoryUnit


@dataclass(frozen=True)
class PublishLowStock:
    """Publishes StockLow in the unit of work whose move took a product below its threshold."""

    threshold: int
    """Threshold of products without their own."""

    async def __call__(self, unit: InventoryUnit, levels: Sequence[Level]) -> None:
        """Publishes for the products that fell below by these moves, not by earlier ones. The unit has locked them."""
        for level in levels:
            if has_run_low(level, self.threshold):
                await unit.publish(StockLow(level.product_id, level.available))
