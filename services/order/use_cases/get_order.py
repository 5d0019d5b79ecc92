"""Show one order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.order.domain.history import fold
from services.order.domain.orders import Actor, Order
from services.order.use_cases.journal import Journal


@dataclass(frozen=True)
class GetOrder:
    """Which order, and who reads it."""

    order_id: UUID
    actor: Actor


@dataclass(frozen=True)
class GetOrderHandler:
    """Reads an order from its commits: never stale."""

    journal: Journal

    async def __call__(self, command: GetOrder) -> Order:
        """The order. Raises OrderNotFound for an unknown order and for one that the person may not see."""
        return fold(await self.journal.visible_history(command.order_id, command.actor))
