"""Confirm or cancel an order, because its payment succeeded or failed."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from services.order.domain import (
    IllegalTransition,
    OrderStatusUpdated,
    Reason,
    Status,
    fold,
    move,
    was_caused_by,
)
from services.order.journal import History, Journal

_ignored = Counter(
    "argosy_order_payment_outcomes_ignored_total",
    "Payment outcomes that came too late to move their order.",
    ["outcome", "status"],
)
for _outcome in ("succeeded", "failed"):
    for _status in Status:
        _ignored.labels(_outcome, _status)  # shown from the start, as 0
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
        """Confirm or cancel the order. An outcome that comes too late is counted and changes nothing: payment itself
        refunds what was paid for a cancelled order.

        Raises:
            OrderNotFound: there is no such order.
            Contended, NotStored, OutcomeUnknown: as Journal.change says; to be tried again.
        """
        wanted = (Status.CONFIRMED, Reason.PAID) if outcome.succeeded else (Status.CANCELLED, Reason.PAYMENT_FAILED)

        def decide(history: History) -> OrderStatusUpdated | None:
            return None if was_caused_by(history, outcome.event_id) else move(fold(history), *wanted)

        try:
            await self.journal.change(outcome.order_id, decide, cause=outcome.event_id)
        except IllegalTransition as late:
            _ignored.labels("succeeded" if outcome.succeeded else "failed", late.current).inc()
            _log.warning("payment_outcome_ignored", order_id=outcome.order_id, error=str(late))
