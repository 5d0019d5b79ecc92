"""Whether each circuit breaker that opened during a run had its cause, by the logs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from tests.chaos import layout
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
        for party in _opened(stack.stack.logs / f"{instance}.log", since)
        if party not in silenced
    ]


def _opened(log: Path, since: datetime) -> Iterator[str]:
    for line in log.read_text(errors="replace").splitlines():
        if '"event":"circuit_opened"' in line:
            found = json.loads(line)
            if datetime.fromisoformat(found["time"]) >= since:
                yield found["party"]
