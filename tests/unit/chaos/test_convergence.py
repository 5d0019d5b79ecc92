"""The time to converge is measured from the end of a fault, and only where nothing else happens meanwhile."""

from __future__ import annotations

import asyncio
from datetime import datetime

from tests.chaos.convergence import Meter
from tests.chaos.plan import Fault, Kind

KILL = Fault(Kind.KILL, "order", 1.0, 0.0)
CUT = Fault(Kind.CUT, "kafka", 2.0, 5.0)
PATIENCE = 60.0


class System:
    """Whole when the test wants it."""

    def __init__(self) -> None:
        self.mended = asyncio.Event()

    async def whole(self, _: datetime) -> None:
        await self.mended.wait()


def measured(meter: Meter) -> list[Fault]:
    return [fault for fault, _ in meter.converged]


async def test_a_fault_alone_is_measured() -> None:
    system = System()
    meter = Meter(system.whole)
    meter.began(KILL)
    meter.ended(KILL)
    await asyncio.sleep(0.01)
    assert meter.converged == []
    system.mended.set()
    await meter.finish(PATIENCE)
    ((fault, seconds),) = meter.converged
    assert fault == KILL
    assert seconds >= 0.01


async def test_of_faults_that_overlap_the_last_to_end_is_measured() -> None:
    system = System()
    system.mended.set()
    meter = Meter(system.whole)
    meter.began(CUT)
    meter.began(KILL)
    meter.ended(KILL)
    meter.ended(CUT)
    await meter.finish(PATIENCE)
    assert measured(meter) == [CUT]


async def test_a_fault_that_is_followed_by_another_too_early_is_not_measured() -> None:
    system = System()
    meter = Meter(system.whole)
    meter.began(KILL)
    meter.ended(KILL)
    await asyncio.sleep(0)
    meter.began(CUT)
    meter.ended(CUT)
    system.mended.set()
    await meter.finish(PATIENCE)
    assert measured(meter) == [CUT]
    ((fault, seconds),) = meter.unfinished
    assert (fault, seconds < PATIENCE) == (KILL, True)


async def test_a_system_that_is_not_whole_in_time_has_no_measurement() -> None:
    meter = Meter(System().whole)
    meter.began(KILL)
    meter.ended(KILL)
    await meter.finish(0.01)
    assert measured(meter) == []
    ((fault, seconds),) = meter.unfinished
    assert (fault, seconds >= 0.01) == (KILL, True)
