"""What of the service's tables is deleted after its time. README.md says how long and why."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.housekeeping import Chore
from services.payment import store
from services.payment.settings import PaymentSettings


def chores(settings: PaymentSettings) -> tuple[Chore, ...]:
    """The service's own, beside the chassis'."""
    return (Chore("cancelled_orders", store.prune_ended_orders, timedelta(days=settings.keep_cancelled_orders_days)),)
