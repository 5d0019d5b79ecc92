"""Show everything that happened to one order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.order.domain.history import History
from services.order.domain.orders import Actor
from services.order.use_cases.journal import Journal


@dataclass(frozen=True)
class GetOrderHistory:
    """Of which order, and who reads it."""

    order_id: UUID
    actor: Actor


@dataclass(frozen=True)
class GetOrderHistoryHandler:
    """Reads an order's commits."""

    journal: Journal

    async def __call__(self, command: GetOrderHistory) -> History:
        """The commits, oldest first. Raises OrderNotFound for an unknown order and for one that they may not see."""
        return await self.journal.visible_history(command.order_id, command.actor)
