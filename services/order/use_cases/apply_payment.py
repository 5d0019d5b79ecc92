"""Confirm or cancel an order, because its payment succeeded or failed."""

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

_UNKNOWN = "unknown"
_ignored = Counter(
    "argosy_order_payment_outcomes_ignored_total",
    "Payment outcomes that came too late to move their order; unknown: there is no such order.",
    ["outcome", "status"],
)
show_from_the_start(_ignored, ("succeeded", "failed"), (*Status, _UNKNOWN))
_log = structlog.get_logger()


@dataclass(frozen=True)
class ApplyPayment:
    """How the payment of an order ended, and by which event."""

    event_id: UUID
    order_id: UUID
    succeeded: bool


@dataclass(frozen=True)
class ApplyPaymentHandler:
    """Applies the outcomes of payments to orders, once an event."""

    journal: Journal

    async def __call__(self, command: ApplyPayment) -> None:
        """Confirms or cancels the order.

        An outcome that comes too late is counted and changes nothing: payment itself refunds what was paid for a
        cancelled order. The same holds for an order that does not exist. A payment begins only after this service has
        answered with its order, so a later try would not find it either.

        Raises:
            Contended, NotStored, OutcomeUnknown: see Journal.change; the event is applied again later.
        """
        wanted = (Status.CONFIRMED, Reason.PAID) if command.succeeded else (Status.CANCELLED, Reason.PAYMENT_FAILED)

        def decide(history: History) -> OrderStatusUpdated | None:
            return None if was_caused_by(history, command.event_id) else move(fold(history), *wanted)

        try:
            await self.journal.change(command.order_id, decide, cause=command.event_id)
        except IllegalTransition as late:
            _ignore(command, late.current, late)
        except OrderNotFound as unknown:
            _ignore(command, _UNKNOWN, unknown)


def _ignore(command: ApplyPayment, status: str, why: Exception) -> None:
    _ignored.labels("succeeded" if command.succeeded else "failed", status).inc()
    _log.warning("payment_outcome_ignored", order_id=str(command.order_id), error=str(why))
