"""What must hold once all faults are over: of the record of all requests, of the stores, of the parts at rest, and of
the alerts that fired.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tests.chaos import record_rules, rest, store_rules, stores
from tests.chaos.faults import POISON
from tests.chaos.record import Exchange
from tests.support import bus, invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack


@dataclass(frozen=True)
class Limits:
    """How long the system may take to be as it must, once all faults are over. Seconds."""

    whole_seconds: float = 180.0
    """Until the time to converge from the last fault is measured; it has none when it takes longer."""
    settle_seconds: float = 480.0
    """Until the stores agree, once no order is pending."""
    stores_seconds: float = 120.0
    """From then on until each line of the stores is as it must be."""
    rest_seconds: float = 90.0
    """From then on until all parts are ready and idle."""


async def settle(stack: RealStack, before: Baseline, limits: Limits, *, expired_by_hand: Collection[str] = ()) -> Facts:
    """Wait until the stores agree with each other. Raises AssertionError with what stays broken.

    expired_by_hand: as in `invariants.hold`.
    """
    letters = await bus.records(stack, bus.DEAD_LETTERS)
    poisoned = sum(1 for letter in letters if letter.key.startswith(POISON))
    return await invariants.hold(
        stack,
        replace(before, dead_letters=before.dead_letters + poisoned),
        mail_may_repeat=True,
        expired_by_hand=expired_by_hand,
        patience=limits.settle_seconds,
    )


async def broken(
    stack: RealStack,
    before: Baseline,
    exchanges: Sequence[Exchange],
    found: Facts,
    limits: Limits,
    beside: int = 0,
) -> list[str]:
    """What does not hold of the record, the stores' lines and the parts at rest, a sentence each.

    beside: as for `record_rules.broken`.
    """
    opening = {product: stock.adjusted for product, stock in before.stock.items()}
    give_up = time.monotonic() + limits.stores_seconds
    while True:
        held = await stores.read(stack)
        wrong = store_rules.broken(held, exchanges, found, opening)
        if not wrong or time.monotonic() > give_up:
            break
        await asyncio.sleep(1)
    restless = await rest.at_rest(stack, held.stranded, limits.rest_seconds)
    return [*record_rules.broken(exchanges, found, beside=beside), *wrong, *restless]
