"""Read one order: as it stands, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis import logs
from services.order.domain import Actor, Order, OrderNotFound, OrderStatusUpdated, fold, may_see
from services.order.journal import History, Journal
from services.order.messages import HistoryEntry, event_id, history_of
from services.order.side_by_side import side_by_side

_log = structlog.get_logger()


@dataclass(frozen=True)
class KnownOrder:
    """An order as other services compare it with what they keep."""

    order: Order
    status_event_id: UUID
    """The event by which it came to its status."""
    reason: str
    """Why; empty while it is pending."""


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

    async def several_by_a_service(self, order_ids: Sequence[str]) -> list[KnownOrder]:
        """Those of the orders that exist and whose history can be read, for another service of ours."""
        found = await side_by_side(self._readable, order_ids)
        return [known for known in found if known is not None]

    async def _readable(self, order_id: str) -> KnownOrder | None:
        try:
            history = await self.journal.history(order_id)
            return _known(history) if history else None
        except (ValueError, KeyError) as error:
            _log.error("unreadable_history", order_id=order_id, error=logs.error_text(error))
            return None

    async def _history(self, order_id: str, actor: Actor) -> History:
        history = await self.journal.history(order_id)
        if not history or not may_see(actor, fold(history)):
            raise OrderNotFound(order_id)
        return history


def _known(history: History) -> KnownOrder:
    last = history[-1]
    index, event = len(last.events) - 1, last.events[-1]
    reason = event.reason if isinstance(event, OrderStatusUpdated) else ""
    return KnownOrder(fold(history), event_id(last, index), reason)
