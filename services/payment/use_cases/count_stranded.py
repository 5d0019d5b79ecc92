"""Measure how many payments need a person, for the alert."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Gauge

from services.chassis.process.metrics import show_from_the_start
from services.payment.domain.payments import Stranded
from services.payment.ports import Work

_payments = Gauge("argosy_payments_stranded", "Payments that need a person, by why.", ["reason"])
show_from_the_start(_payments, Stranded)


@dataclass(frozen=True)
class CountStrandedHandler:
    """Shows the counts of the store as metrics."""

    work: Work

    async def __call__(self) -> None:
        """Counts now. Raises Unavailable: the store is away; the last figures stay."""
        async with self.work.read() as unit:
            counts = await unit.stranded.counts()
        for reason in Stranded:
            _payments.labels(reason).set(counts.get(reason, 0))
