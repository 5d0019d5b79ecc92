"""Decide whether orders may still need their reserved stock, so that inventory knows what to release.

Time alone takes nothing from an order that exists: it ends here (cancel_unpaid.py) or by people. An order that was
never stored is closed before the answer: from then on it cannot be stored, so the answer stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis.plain import logs
from services.chassis.plain.side_by_side import side_by_side
from services.order.domain.history import fold
from services.order.domain.orders import Standing, Status
from services.order.use_cases.journal import Journal

_log = structlog.get_logger()


@dataclass(frozen=True)
class ResolveOrders:
    """Which orders."""

    order_ids: Sequence[UUID]


@dataclass(frozen=True)
class ResolveOrdersHandler:
    """Looks at orders, and closes those that do not exist."""

    journal: Journal

    async def __call__(self, command: ResolveOrders) -> Sequence[Standing]:
        """The standing of each order, in the order of the ids. Raises Unavailable: nothing is decided, ask again."""
        return await side_by_side(self._resolve, command.order_ids)

    async def _resolve(self, order_id: UUID) -> Standing:
        try:
            history = await self.journal.history(order_id)
            if history:
                return Standing.CANCELLED if fold(history).status is Status.CANCELLED else Standing.OPEN
        except (ValueError, KeyError) as error:  # it exists, whatever its state is
            _log.error("unreadable_history", order_id=str(order_id), error=logs.error_text(error))
            return Standing.OPEN
        return Standing.CLOSED if await self.journal.close(order_id) else Standing.OPEN
