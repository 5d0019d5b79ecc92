"""Runs the system from a scratch copy of its services, and has the general checker judge."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local.stack import Stack
from tests.chaos.checker import Limits
from tests.chaos.layout import INSTANCES, TIMERS, TWIN_SUFFIX
from tests.chaos.network import Link
from tests.chaos.plan import Fault
from tests.chaos.run import Outcome, attack, system
from tests.mutants import scratch
from tests.mutants.catalogue import Mutation
from tests.support.real_stack import RealStack

CONTROL = Limits(whole_seconds=0.0, settle_seconds=90.0, stores_seconds=30.0, rest_seconds=30.0)
"""For the product as it is: a machine under load needs its time until the stores agree."""
QUICK = Limits(whole_seconds=0.0, settle_seconds=20.0, stores_seconds=3.0, rest_seconds=3.0)
"""For a mistake that is known to be there: it need not be proven that it stays."""
_TIMERS = (
    "order.UNPAID_AFTER_SECONDS=10",
    "order-2.UNPAID_AFTER_SECONDS=10",
    "payment.CHALLENGE_TIMEOUT_SECONDS=6",
    "payment-2.CHALLENGE_TIMEOUT_SECONDS=6",
    "inventory.HOLD_SECONDS=14",
    "inventory-2.HOLD_SECONDS=14",
)
"""Shorter than a run of `make chaos` has them: nothing waits long, so that a bounded run is a short one."""
_NO_REPAIR = tuple(
    f"{instance}.COMPARE_EVERY_SECONDS=3600"
    for instance in INSTANCES
    if "COMPARE_EVERY_SECONDS" in TIMERS.get(instance.removesuffix(TWIN_SUFFIX), {})
)
"""The reconciliation repairs what a mistake loses: with it, a mistake may leave nothing for the checker to find."""


@dataclass(frozen=True)
class Verdict:
    """What the checker found in one run."""

    problems: Sequence[str]
    seconds: float
    """From the first purchase to the checker's answer."""

    def caught(self, mutation: Mutation) -> str | None:
        """The sentence that names the mistake; None when there is none."""
        return next((problem for problem in self.problems if re.search(mutation.caught, problem)), None)


@dataclass(frozen=True)
class Laboratory:
    """A system that runs from a scratch copy."""

    real: RealStack
    links: dict[str, Link]

    async def judge(self, plan: Sequence[Fault], seed: int, seconds: float, limits: Limits) -> Verdict:
        """Let customers buy while the plan happens, and check everything."""
        outcome = Outcome(seed, plan, seconds)
        began = time.monotonic()
        await attack(self.real, self.links, outcome, limits)
        cut_off = [f"the plan did not happen: {fault} was cut off by the end of the run" for fault in outcome.cut_off]
        return Verdict([*outcome.problems, *cut_off], time.monotonic() - began)


@asynccontextmanager
async def laboratory(stack: Stack, mutation: Mutation | None = None) -> AsyncIterator[Laboratory]:
    """A fresh system that runs from a copy of the services, with a mutation or none; stopped at the end.

    Raises NotApplicable when the mutation does not fit the source.
    """
    copy = _copy(stack)
    scratch.write(copy, mutation.change if mutation else None)
    async with system(stack, [*scratch.settings(copy), *_TIMERS, *_NO_REPAIR]) as (real, links):
        yield Laboratory(real, links)


def _copy(stack: Stack) -> Path:
    """Beside the stack's data, which a fresh start deletes."""
    return stack.data.with_name(f"{stack.data.name}-source")
