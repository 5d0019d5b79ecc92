"""Load beside the faults: a profile of `make load`, whose arrivals do not wait for the answers of others.

Their requests are not recorded one by one, as those of the customers are. What they have bought counts: the checker
looks at all that is in the stores.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.chaos.record_rules import REFUSED
from tests.load import k6, ready
from tests.load.profiles import Profile
from tests.support.real_stack import RealStack
from tests.support.shop import Shop

CAUSE = "a load profile's requests"
"""What they are called among what people did."""


@dataclass
class Arrivals:
    """What came of them."""

    answers: Counter[str] = field(default_factory=Counter)
    """By HTTP status."""
    orders: int = 0
    """How many there may be: those that they asked for and that were not refused."""


@asynccontextmanager
async def arriving(real: RealStack, shop: Shop, profile: Profile | None) -> AsyncIterator[Arrivals]:
    """Let the profile happen during the block, which ends when the profile does.

    What came of it is there after the block; nothing without a profile.
    """
    found = Arrivals()
    if profile is None:
        yield found
        return
    people = await ready.register(shop, profile)
    running = asyncio.create_task(k6.run(profile, f"{real.edge_url}/api/v1", people, real.stack.data / "k6"))
    try:
        yield found
        measured = await running
        found.answers.update(str(one.status or "none") for one in measured.requests)
        asked = sum(one.rpc == "CreateOrder" and one.status not in REFUSED for one in measured.requests)
        found.orders = asked + sum(bool(one["order"]) for one in people)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def problems(found: Arrivals) -> list[str]:
    """Answers that no fault excuses, a sentence each."""
    failed = found.answers["500"]
    return [f"{failed} requests of arrivals were answered with 500"] if failed else []
