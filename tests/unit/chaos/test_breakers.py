"""A circuit breaker that opens needs a fault that explains it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.chaos import breakers, layout
from tests.chaos.plan import Fault, Kind
from tests.support.real_stack import RealStack


@pytest.mark.parametrize(
    ("faults", "sound"),
    [
        ((), False),
        ((Fault(Kind.STRIPE_SLOW, "stripe", 1.0, 9.0),), False),
        ((Fault(Kind.KILL, "mail", 1.0, 0.0),), False),
        ((Fault(Kind.KILL, "stripe", 1.0, 0.0),), True),
        ((Fault(Kind.STRIPE_FAILS, "stripe", 1.0, 0.0),), True),
        ((Fault(Kind.HALF_OPEN, "payment-stripe", 1.0, 9.0),), True),
    ],
)
def test_a_breaker_that_opened_before_a_party_that_answered_is_found(
    tmp_path: Path, faults: tuple[Fault, ...], sound: bool
) -> None:
    for instance in layout.INSTANCES:
        (tmp_path / f"{instance}.log").write_text("a line that is no JSON\n")
    line = {"time": "2026-11-29T06:54:21.799+00:00", "event": "circuit_opened", "party": "stripe"}
    (tmp_path / "payment-2.log").write_text(json.dumps(line, separators=(",", ":")) + "\n")
    stack = cast(RealStack, SimpleNamespace(stack=SimpleNamespace(logs=tmp_path)))
    since = datetime(2026, 11, 29, tzinfo=UTC)
    found = ["payment-2: the circuit breaker before stripe opened, and stripe answered all the time"]
    assert breakers.opened_without_cause(stack, faults, since) == ([] if sound else found)
    assert breakers.opened_without_cause(stack, faults, since + timedelta(days=1)) == []
