"""Cancel a confirmed order that has too little stock: payment refunds it, notification tells the customer why."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter

from services.chassis.process.metrics import show_from_the_start
from services.order.domain.facts import OrderStatusUpdated
from services.order.domain.history import History, fold, was_caused_by
from services.order.domain.moves import IllegalTransition, OrderNotFound, move
from services.order.domain.orders import Reason, Status
from services.order.use_cases.journal import Journal

_short = Counter("argosy_order_stock_short_total", "Orders that inventory could not deliver.", ["outcome"])
show_from_the_start(_short, ("cancelled", "too_late", "unknown"))
_log = structlog.get_logger()


@dataclass(frozen=True)
class CancelShort:
    """Which order, and by which event."""

    event_id: UUID
    order_id: UUID


@dataclass(frozen=True)
class CancelShortHandler:
    """Cancels orders whose stock is short, once an event."""

    journal: Journal

    async def __call__(self, command: CancelShort) -> None:
        """Cancels the order. One that is shipped already, or does not exist, is counted and left as it is.

        Raises:
            Contended, NotStored, OutcomeUnknown: see Journal.change; the event is applied again later.
        """

        def decide(history: History) -> OrderStatusUpdated | None:
            if was_caused_by(history, command.event_id):
                return None
            return move(fold(history), Status.CANCELLED, Reason.STOCK_SHORT)

        try:
            await self.journal.change(command.order_id, decide, cause=command.event_id)
        except IllegalTransition as late:
            _ignore(command, "too_late", late)
        except OrderNotFound as unknown:
            _ignore(command, "unknown", unknown)
        else:
            _short.labels("cancelled").inc()


def _ignore(command: CancelShort, outcome: str, why: Exception) -> None:
    _short.labels(outcome).inc()
    _log.warning("stock_short_ignored", order_id=str(command.order_id), error=str(why))
