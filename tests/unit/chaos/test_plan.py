"""A plan follows from its seed, fits its run, and survives a file."""

from __future__ import annotations

import pytest

from tests.chaos import plan
from tests.chaos.plan import Fault, Kind
from tests.chaos.shrink import shrink


def test_a_seed_decides_the_plan() -> None:
    assert plan.generate(7, 600) == plan.generate(7, 600)
    assert plan.generate(7, 600) != plan.generate(8, 600)


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_is_over_before_the_run_is(seed: int) -> None:
    faults = plan.generate(seed, 300)
    assert faults == sorted(faults, key=lambda fault: fault.at)
    assert all(fault.at > 0 and fault.at + fault.seconds < 300 for fault in faults)


def test_ten_minutes_hold_every_kind() -> None:
    assert {fault.kind for seed in (1, 7, 42) for fault in plan.generate(seed, 600)} == set(Kind)


def test_only_the_kinds_that_are_asked_for_happen() -> None:
    assert {fault.kind for fault in plan.generate(1, 600, [Kind.KILL])} == {Kind.KILL}


def test_a_plan_can_be_replayed_from_a_file() -> None:
    faults = plan.generate(42, 120)
    assert plan.from_json(plan.to_json(faults)) == faults


async def test_a_failing_plan_shrinks_to_the_faults_that_matter() -> None:
    faults = plan.generate(3, 600)
    needed = {faults[4], faults[-2]}
    tried: list[int] = []

    async def fails(candidate: list[Fault]) -> bool:
        tried.append(len(candidate))
        return needed <= set(candidate)

    assert set(await shrink(faults, fails, most_runs=200)) == needed  # type: ignore[arg-type]
    assert len(tried) <= 200


async def test_shrinking_stops_when_its_runs_are_used_up() -> None:
    faults = plan.generate(3, 600)
    tried = 0

    async def fails(_: object) -> bool:
        nonlocal tried
        tried += 1
        return True

    left = await shrink(faults, fails, most_runs=2)
    assert tried == 2
    assert 1 <= len(left) < len(faults)
