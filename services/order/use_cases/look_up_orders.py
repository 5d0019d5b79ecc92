"""Show several orders to another service, which compares what it keeps with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis.plain import logs
from services.chassis.plain.side_by_side import side_by_side
from services.order.domain.history import History, fold
from services.order.use_cases.journal import Journal

_log = structlog.get_logger()


@dataclass(frozen=True)
class LookUpOrders:
    """Which orders."""

    order_ids: Sequence[UUID]


@dataclass(frozen=True)
class LookUpOrdersHandler:
    """Reads orders from their commits. Changes nothing, unlike resolve_orders.py."""

    journal: Journal

    async def __call__(self, command: LookUpOrders) -> list[History]:
        """The histories of those orders that exist and can be read. Raises Unavailable."""
        found = await side_by_side(self._readable, command.order_ids)
        return [history for history in found if history]

    async def _readable(self, order_id: UUID) -> History:
        try:
            history = await self.journal.history(order_id)
            if history:
                fold(history)
        except (ValueError, KeyError) as error:
            _log.error("unreadable_history", order_id=str(order_id), error=logs.error_text(error))
            return ()
        return history
