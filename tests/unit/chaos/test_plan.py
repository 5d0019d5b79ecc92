"""A plan follows from its seed, fits its run, and survives a file."""

from __future__ import annotations

import itertools

import pytest

from local.paths import ROOT
from tests.chaos import plan
from tests.chaos.layout import HOLD_SECONDS, INSTANCES
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


def test_ten_minutes_hold_every_kind_that_happens_by_default() -> None:
    assert {fault.kind for seed in (1, 7, 42) for fault in plan.generate(seed, 600)} == set(plan.BY_DEFAULT)


def test_only_the_kinds_that_are_asked_for_happen() -> None:
    assert {fault.kind for fault in plan.generate(1, 600, [Kind.KILL])} == {Kind.KILL}


def test_after_each_burst_of_faults_nothing_happens_for_a_while() -> None:
    faults = plan.generate(1, 600)
    lulls = [later.at - before.at - before.seconds for before, later in itertools.pairwise(faults)]
    assert sum(lull >= 15 for lull in lulls) >= 8


def test_kinds_are_named_with_commas_between() -> None:
    assert plan.kinds_of("kill, full-disk") == [Kind.KILL, Kind.FULL_DISK]
    assert plan.kinds_of("") == list(plan.BY_DEFAULT)


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"there is no fault flood; FAULTS takes any of kill, crash,.*clock"):
        plan.kinds_of("kill,flood")


def test_a_clocks_target_names_the_instance_and_how_far_off_it_is() -> None:
    clocks = plan.generate(1, 600, [Kind.CLOCK])
    assert {plan.clock_of(fault.target)[1] for fault in clocks} == {-plan.CLOCK_SECONDS, plan.CLOCK_SECONDS}
    assert {plan.clock_of(fault.target)[0] for fault in clocks} <= set(INSTANCES)


def test_a_plan_can_be_replayed_from_a_file() -> None:
    faults = plan.generate(42, 120)
    assert plan.from_json(plan.to_json(faults)) == faults


def test_the_plan_of_long_outages_outlasts_ten_holds() -> None:
    text = (ROOT / "tests" / "chaos" / "plans" / "ten-holds.json").read_text()
    assert all(fault.seconds >= 10 * HOLD_SECONDS for fault in plan.from_json(text))


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
