"""The checker of `make chaos` is able to fail: it catches mistakes put into the product, and accuses no sound product.

`make mutants` runs all mutations: docs/mutants.md.
"""

from __future__ import annotations

from local.stack import Stack
from tests.mutants.campaign import laboratory
from tests.mutants.catalogue import named
from tests.support.real_stack import stack_of_this_run

_OFFSET = 230
"""Above the ports of the run's own stack."""
_QUICK = ("no-ledger-line", "cancelled-keeps-money")


async def test_the_checker_catches_mistakes_and_accuses_no_sound_product() -> None:
    ours = stack_of_this_run()
    stack = Stack(ours.data.with_name(f"{ours.data.name}-mutants"), ours.offset + _OFFSET)
    mutations = [named(name) for name in _QUICK]
    async with laboratory(stack) as found:
        sound = await found.judge(mutations[0].plan, mutations[0].seed, mutations[0].seconds)
        assert sound.problems == []
        for mutation in mutations:
            await found.change(mutation)
            verdict = await found.judge(mutation.plan, mutation.seed, mutation.seconds)
            assert verdict.caught(mutation), f"{mutation.name} was not caught; found: {verdict.problems}"
