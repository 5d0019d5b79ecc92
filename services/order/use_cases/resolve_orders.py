"""Say whether orders may still need what is held for them, so that inventory knows whether to let go.

Time alone takes nothing from an order that exists: it ends here (settle_unpaid.py) or by people. One that was never
stored is closed first and told afterwards: from then on it cannot be stored, so what was told stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import structlog

from argosy.order.v1.order_lookup_pb2 import ResolvedOrder
from services.chassis import logs
from services.order.domain import Status, fold
from services.order.journal import Journal
from services.order.side_by_side import side_by_side

_log = structlog.get_logger()


class Standing(Enum):
    """Whether an order may still need what is held for it."""

    OPEN = ResolvedOrder.STATE_OPEN
    CANCELLED = ResolvedOrder.STATE_CANCELLED
    CLOSED = ResolvedOrder.STATE_CLOSED
    """It was never stored, and never will be."""


@dataclass(frozen=True)
class ResolveOrders:
    """Looks at orders, and closes those that do not exist."""

    journal: Journal

    async def __call__(self, order_ids: Sequence[str]) -> list[Standing]:
        """Where each stands, in the order in which they were asked for. Raises Unavailable: ask again."""
        return await side_by_side(self._resolve, order_ids)

    async def _resolve(self, order_id: str) -> Standing:
        try:
            history = await self.journal.history(order_id)
            if history:
                return Standing.CANCELLED if fold(history).status is Status.CANCELLED else Standing.OPEN
        except (ValueError, KeyError) as error:  # whatever has become of it, it exists
            _log.error("unreadable_history", order_id=order_id, error=logs.error_text(error))
            return Standing.OPEN
        return Standing.CLOSED if await self.journal.close(order_id) else Standing.OPEN
