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

from tests.load import k6, ready
from tests.load.profiles import Profile
from tests.support.real_stack import RealStack
from tests.support.shop import Shop

CAUSE = "a load profile's arrivals"
"""What arrivals are called among what people did."""


@asynccontextmanager
async def arriving(real: RealStack, shop: Shop, profile: Profile | None) -> AsyncIterator[Counter[str]]:
    """Let the profile happen during the block, which ends when the profile does.

    Yields the answers by HTTP status, which are there after the block. Without a profile there are none.
    """
    answers = Counter[str]()
    if profile is None:
        yield answers
        return
    people = await ready.register(shop, profile)
    running = asyncio.create_task(k6.run(profile, f"{real.edge_url}/api/v1", people, real.stack.data / "k6"))
    try:
        yield answers
        measured = await running
        answers.update(str(one.status or "none") for one in measured.requests)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def problems(answers: Counter[str]) -> list[str]:
    """Answers that no fault excuses, a sentence each."""
    return [f"{answers['500']} arrivals were answered with 500"] if answers["500"] else []
