"""What of a plan did not happen before the run ended is noted: a run that left it out proves nothing about it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from tests.chaos.convergence import Meter
from tests.chaos.plan import Fault, Kind
from tests.chaos.record import Record
from tests.chaos.run import Outcome, let_happen

SECONDS = 0.3
QUICK = Fault(Kind.KILL, "order", 0.0, 0.0)
SLOW = Fault(Kind.REPLAY, "user-events", 0.0, 0.0)
BROKEN = Fault(Kind.POISON, "order-events", 0.0, 0.0)
SLOW_TO_END = Fault(Kind.OUTAGE, "kafka", 0.0, 0.0)
NEVER = Fault(Kind.KILL, "payment", 60.0, 0.0)


class FakeFaults:
    """Makes QUICK happen at once, fails at BROKEN, is never done with SLOW, and cannot undo SLOW_TO_END in time."""

    def __init__(self) -> None:
        self.complete: list[Fault] = []

    async def happen(self, fault: Fault) -> None:
        if fault is SLOW:
            await asyncio.sleep(60)
        if fault is BROKEN:
            raise AssertionError("a forged webhook was accepted")
        self.complete.append(fault)
        if fault is SLOW_TO_END:
            await asyncio.sleep(60)


async def _whole(_: datetime) -> None:
    """Always."""


async def test_what_the_end_of_a_run_cuts_off_is_noted(tmp_path: Path) -> None:
    record = Record(tmp_path / "requests.jsonl")
    record.begin()
    outcome = Outcome(1, [QUICK, SLOW, BROKEN, SLOW_TO_END, NEVER], SECONDS)
    await let_happen(FakeFaults(), Meter(_whole), outcome, record)  # type: ignore[arg-type]
    record.close()
    assert outcome.cut_off == [SLOW, NEVER]
    (problem,) = outcome.problems
    assert "a forged webhook was accepted" in problem
