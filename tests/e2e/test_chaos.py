"""A short attack with a fixed seed. `make chaos` runs longer ones: tests/chaos/README.md."""

from __future__ import annotations

from local.stack import Stack
from tests.chaos import plan
from tests.chaos.faults import impossible
from tests.chaos.plan import Kind
from tests.chaos.run import run
from tests.support.real_stack import stack_of_this_run

_SECONDS = 40.0
_OFFSET = 400
"""Above the ports of the run's own stack."""


async def test_nothing_is_lost_and_nothing_happens_twice() -> None:
    ours = stack_of_this_run()
    stack = Stack(ours.data.with_name(f"{ours.data.name}-chaos"), ours.offset + _OFFSET)
    faults = plan.generate(
        7, _SECONDS, [kind for kind in plan.BY_DEFAULT if kind is not Kind.OUTAGE and not impossible(kind)]
    )
    outcome = await run(stack, 7, faults, _SECONDS)
    assert outcome.problems == []
    assert {fault for _, fault in outcome.happened} == set(faults)
    assert outcome.orders["confirmed"] > 0
