"""Add to a product's stock, or take from it, because staff say so."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.unit_of_work import Repeatable
from services.inventory.domain.products import UnknownProduct
from services.inventory.domain.stock import StockMove, require_adjustable
from services.inventory.ports import InventoryUnit, Work
from services.inventory.use_cases.publish_low_stock import PublishLowStock


@dataclass(frozen=True)
class AdjustStock:
    """How many more, or fewer, there are."""

    product_id: str
    delta: int
    reason: str | None
    staff_id: UUID
    request: Repeatable


@dataclass(frozen=True)
class AdjustStockHandler:
    """Moves stock by hand, once a key."""

    work: Work
    publish_low: PublishLowStock

    async def __call__(self, command: AdjustStock) -> StockMove:
        """The move, with the stock after it. A repeat with the same key gets the first answer.

        Raises:
            UnknownProduct: there is no such product.
            AdjustmentRefused: orders hold too much for that, or it would be more than can be counted.
            IdempotencyMismatch, IdempotencyInFlight: see UnitsOfWork.once.
        """

        async def adjust(unit: InventoryUnit) -> StockMove:
            locked = await unit.stock.lock(command.product_id)
            if locked is None:
                raise UnknownProduct(command.product_id)
            require_adjustable(locked.on_hand, locked.held, command.delta)
            move, level = await unit.stock.adjust(
                command.product_id, locked, command.delta, command.staff_id, command.reason
            )
            await self.publish_low(unit, [level])
            return move

        answered = await self.work.once(
            "inventory.adjust", f"adjustStock:{command.staff_id}", command.request, adjust, StockMove
        )
        return answered.value
