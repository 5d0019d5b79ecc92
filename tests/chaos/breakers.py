"""Whether each circuit breaker that opened during a run had its cause, by the logs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from tests.chaos import layout, logs
from tests.chaos.plan import Fault, Kind
from tests.support.real_stack import RealStack

_SILENCING = frozenset(
    {
        *(Kind.KILL, Kind.PAUSE, Kind.OUTAGE, Kind.CUT, Kind.SLOW, Kind.HALF_OPEN, Kind.STRIPE_DROPS),
        *(Kind.STRIPE_FAILS, Kind.STRIPE_FAILS_AFTER, Kind.STRIPE_BUSY, Kind.STRIPE_UNAUTHORIZED),
    }
)
_BREAKERS = {
    "stripe": {"stripe", "payment-stripe", "payment", "payment-2"},
    "smtp": {"mail", "notification-smtp", "notification", "notification-2"},
}
"""The party behind a circuit breaker, and the parts whose faults may open it: the caller itself may be paused."""


def opened_without_cause(stack: RealStack, faults: Collection[Fault], since: datetime) -> list[str]:
    """Circuit breakers that opened, since then, before a party that was there all the time and answered."""
    silenced = {
        party
        for party, targets in _BREAKERS.items()
        if any(fault.target in targets and fault.kind in _SILENCING for fault in faults)
    }
    return [
        f"{instance}: the circuit breaker before {party} opened, and {party} answered all the time"
        for instance in layout.INSTANCES
        for line in logs.lines(stack.stack.logs / f"{instance}.log", "circuit_opened", since)
        if (party := line["party"]) not in silenced
    ]
