"""Confirm or cancel an order, because its payment succeeded or failed."""

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

_UNKNOWN = "unknown"
_ignored = Counter(
    "argosy_order_payment_outcomes_ignored_total",
    "Payment outcomes that came too late to move their order; unknown: there is no such order.",
    ["outcome", "status"],
)
show_from_the_start(_ignored, ("succeeded", "failed"), (*Status, _UNKNOWN))
_log = structlog.get_logger()


@dataclass(frozen=True)
class PaymentOutcome:
    """How the payment of an order ended."""

    order_id: str
    succeeded: bool
    event_id: str
    """The event that says so: it takes effect once."""


@dataclass(frozen=True)
class ApplyPayment:
    """Lets payments' outcomes take effect on orders, once."""

    journal: Journal

    async def __call__(self, outcome: PaymentOutcome) -> None:
        """Confirm or cancel the order.

        An outcome that comes too late is counted and changes nothing: payment itself refunds what was paid for a
        cancelled order. The same holds for an order that does not exist. A payment begins only after this service has
        answered with its order, so a later try would not find it either.

        Raises:
            Contended, NotStored, OutcomeUnknown: as Journal.change says; to be tried again.
        """
        wanted = (Status.CONFIRMED, Reason.PAID) if outcome.succeeded else (Status.CANCELLED, Reason.PAYMENT_FAILED)

        def decide(history: History) -> OrderStatusUpdated | None:
            return None if was_caused_by(history, outcome.event_id) else move(fold(history), *wanted)

        try:
            await self.journal.change(outcome.order_id, decide, cause=outcome.event_id)
        except IllegalTransition as late:
            _ignore(outcome, late.current, late)
        except OrderNotFound as unknown:
            _ignore(outcome, _UNKNOWN, unknown)


def _ignore(outcome: PaymentOutcome, status: str, why: Exception) -> None:
    _ignored.labels("succeeded" if outcome.succeeded else "failed", status).inc()
    _log.warning("payment_outcome_ignored", order_id=outcome.order_id, error=str(why))
