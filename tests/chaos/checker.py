"""What must hold once all faults are over: of the record of all requests, of the stores, of the parts at rest, and of
the alerts that fired.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.chaos import record_rules, rest, store_rules, stores
from tests.chaos.faults import POISON
from tests.chaos.record import Exchange
from tests.support import bus, invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack

_SETTLE_SECONDS = 480
_STORES_SECONDS = 120


async def settle(stack: RealStack, before: Baseline) -> Facts:
    """Wait until the stores agree with each other. Raises AssertionError with what stays broken."""
    letters = await bus.records(stack, bus.DEAD_LETTERS)
    poisoned = sum(1 for letter in letters if letter.key.startswith(POISON))
    return await invariants.hold(
        stack,
        replace(before, dead_letters=before.dead_letters + poisoned),
        mail_may_repeat=True,
        patience=_SETTLE_SECONDS,
    )


async def broken(stack: RealStack, before: Baseline, exchanges: Sequence[Exchange], found: Facts) -> list[str]:
    """What does not hold of the record, the stores' lines and the parts at rest, a sentence each."""
    opening = {product: stock.adjusted for product, stock in before.stock.items()}
    give_up = time.monotonic() + _STORES_SECONDS
    while True:
        held = await stores.read(stack)
        wrong = store_rules.broken(held, exchanges, found, opening)
        if not wrong or time.monotonic() > give_up:
            break
        await asyncio.sleep(1)
    return [*record_rules.broken(exchanges, found), *wrong, *await rest.at_rest(stack, held.stranded)]
