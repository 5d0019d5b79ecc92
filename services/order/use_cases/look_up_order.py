"""Show one order to another service, which may see all orders."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.order.domain.history import fold
from services.order.domain.moves import OrderNotFound
from services.order.domain.orders import Order
from services.order.use_cases.journal import Journal


@dataclass(frozen=True)
class LookUpOrder:
    """Which order."""

    order_id: UUID


@dataclass(frozen=True)
class LookUpOrderHandler:
    """Reads an order from its commits."""

    journal: Journal

    async def __call__(self, command: LookUpOrder) -> Order:
        """The order. Raises OrderNotFound."""
        history = await self.journal.history(command.order_id)
        if not history:
            raise OrderNotFound(command.order_id)
        return fold(history)
