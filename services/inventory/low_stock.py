"""Says when a product is running out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from argosy.event.v1.inventory_events_pb2 import StockLow
from services.chassis import outbox
from services.chassis.postgres import Connection
from services.inventory.domain import Level, has_run_low


@dataclass(frozen=True)
class LowStock:
    """Publishes STOCK_LOW in the transaction whose move took a product below its threshold."""

    threshold: int
    """Of products without one of their own."""

    async def tell(self, connection: Connection, levels: Sequence[Level]) -> None:
        """Of those that these moves, and no earlier ones, took there. The caller holds the products' locks."""
        for level in levels:
            if has_run_low(level, self.threshold):
                event = StockLow(product_id=level.product_id, available=level.available)
                await outbox.publish(connection, event, key=level.product_id, subject=level.product_id)
