"""Add to a product's stock, or remove from it, on behalf of staff."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.unit_of_work import Repeatable
from services.inventory.domain.products import UnknownProduct
from services.inventory.domain.stock import StockMove, require_adjustable
from services.inventory.ports import InventoryUnit, Work
from services.inventory.use_cases.publish_low_stock import PublishLowStock


@dataclass(frozen=True)
class AdjustStock:
    """The change of the stock."""

    product_id: str
    delta: int
    reason: str | None
    staff_id: UUID
    request: Repeatable


@dataclass(frozen=True)
class AdjustStockHandler:
    """Adjusts stock, once per idempotency key."""

    work: Work
    publish_low: PublishLowStock

    async def __call__(self, command: AdjustStock) -> StockMove:
        """Returns the stock move. A repeat with the same key gets the first answer.

        Raises:
            UnknownProduct: there is no such product.
            AdjustmentRefused: the stock would fall below what orders hold, or exceed the maximum.
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
