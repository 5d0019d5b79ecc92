"""Read one order: as it stands, and everything that happened to it."""

from __future__ import annotations

from dataclasses import dataclass

from services.order.domain import Actor, Order, OrderNotFound, fold, may_see
from services.order.journal import History, Journal
from services.order.messages import HistoryEntry, history_of


@dataclass(frozen=True)
class ReadOrder:
    """Reads orders from their commits: always as they stand."""

    journal: Journal

    async def __call__(self, order_id: str, actor: Actor) -> Order:
        """The order. Raises OrderNotFound for an unknown one and for one that is not theirs to see."""
        return fold(await self._history(order_id, actor))

    async def history(self, order_id: str, actor: Actor) -> list[HistoryEntry]:
        """Everything that happened to the order, oldest first. Raises OrderNotFound likewise."""
        return history_of(await self._history(order_id, actor))

    async def by_a_service(self, order_id: str) -> Order:
        """The order, for another service of ours. Raises OrderNotFound for an unknown one."""
        history = await self.journal.history(order_id)
        if not history:
            raise OrderNotFound(order_id)
        return fold(history)

    async def _history(self, order_id: str, actor: Actor) -> History:
        history = await self.journal.history(order_id)
        if not history or not may_see(actor, fold(history)):
            raise OrderNotFound(order_id)
        return history
