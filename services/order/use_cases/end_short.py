"""End an order that was confirmed and cannot be delivered: payment gives the money back, notification says why."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from services.chassis.metrics import show_from_the_start
from services.order.domain import (
    IllegalTransition,
    OrderNotFound,
    OrderStatusUpdated,
    Reason,
    Status,
    fold,
    move,
    was_caused_by,
)
from services.order.journal import History, Journal

_short = Counter("argosy_order_stock_short_total", "Orders that inventory could not deliver.", ["outcome"])
show_from_the_start(_short, ("cancelled", "too_late", "unknown"))
_log = structlog.get_logger()


@dataclass(frozen=True)
class EndShort:
    """Cancels orders whose stock is not there, once."""

    journal: Journal

    async def __call__(self, order_id: str, event_id: str) -> None:
        """Cancel the order. One that is on its way already, or that there is none of, is counted and left alone.

        Raises:
            Contended, NotStored, OutcomeUnknown: as Journal.change says; to be tried again.
        """

        def decide(history: History) -> OrderStatusUpdated | None:
            if was_caused_by(history, event_id):
                return None
            return move(fold(history), Status.CANCELLED, Reason.STOCK_SHORT)

        try:
            await self.journal.change(order_id, decide, cause=event_id)
        except IllegalTransition as late:
            self._left_alone(order_id, "too_late", late)
        except OrderNotFound as unknown:
            self._left_alone(order_id, "unknown", unknown)
        else:
            _short.labels("cancelled").inc()

    def _left_alone(self, order_id: str, outcome: str, why: Exception) -> None:
        _short.labels(outcome).inc()
        _log.warning("stock_short_ignored", order_id=order_id, error=str(why))
