"""What became of payments and disputes, counted."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from prometheus_client import Counter

from services.chassis.process.metrics import show_from_the_start
from services.payment.domain.disputes import DisputeState
from services.payment.domain.payments import Payment, Status

_payments = Counter("payments", "Payments by the state that they came to.", ["status", "provider"])
_disputes = Counter("argosy_disputes", "Disputes by the state that they came to.", ["state"])
show_from_the_start(_disputes, DisputeState)
FEES_NOT_BOOKED = Counter(
    "payment_fees_not_booked", "Looks at what Stripe keeps of a payment that could not be read or stored.", ["why"]
)
show_from_the_start(FEES_NOT_BOOKED, ("unreadable", "unstorable"))
_log = structlog.get_logger()


def show_payments(providers: Iterable[str]) -> None:
    """Lets the counts of these providers' payments exist from the start."""
    show_from_the_start(_payments, Status, providers)


def count_payment(payment: Payment) -> None:
    """A payment has come to another status."""
    _payments.labels(status=payment.status, provider=payment.provider).inc()
    _log.info("payment_moved", payment_id=str(payment.id), status=payment.status, late=payment.late)


def count_dispute(state: DisputeState) -> None:
    """A dispute has come to another state."""
    _disputes.labels(state).inc()


def log_if_stranded(before: Payment, after: Payment) -> None:
    """A payment may have come to need a person."""
    if after.stranded is not None and after.stranded is not before.stranded:
        _log.error(
            "payment_stranded", payment_id=str(after.id), order_id=str(after.order_id), reason=after.stranded.value
        )
