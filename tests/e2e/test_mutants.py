"""The checker of `make chaos` is able to fail: it catches a mistake that is put into the product.

That it does not accuse the product as it is, test_chaos shows. `make mutants` runs all mutations: docs/mutants.md.
"""

from __future__ import annotations

from local.stack import Stack
from tests.mutants.campaign import QUICK, laboratory
from tests.mutants.catalogue import named
from tests.support.real_stack import stack_of_this_run

_OFFSET = 230
"""Above the ports of the run's own stack."""


async def test_the_checker_catches_a_mistake() -> None:
    ours = stack_of_this_run()
    stack = Stack(ours.data.with_name(f"{ours.data.name}-mutants"), ours.offset + _OFFSET)
    mutation = named("no-ledger-line")
    async with laboratory(stack, mutation) as found:
        verdict = await found.judge(mutation.plan, mutation.seed, mutation.seconds, QUICK)
    assert verdict.caught(mutation), verdict.problems
