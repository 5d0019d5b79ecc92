"""How long a caller waits for the payment provider, and how long the work continues without the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from services.chassis.plain import deadlines
from services.chassis.plain.shielded import shielded

PATIENCE_SECONDS = 45.0
"""How long a caller waits for the provider at most."""
_TO_ANSWER_SECONDS = 1.0
"""How much of the caller's time is reserved for the answer that the payment is still being processed."""
ASK_SECONDS = 120.0
"""How long asking may continue without the caller; well under the time after which a search may conclude."""

T = TypeVar("T")


async def wait_for_provider(work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`; None when the caller can wait no longer: `work` is then finished without them."""
    left = deadlines.remaining()
    patience = PATIENCE_SECONDS if left is None else min(PATIENCE_SECONDS, left - _TO_ANSWER_SECONDS)
    try:
        async with asyncio.timeout(patience):
            return await shielded(work, at_most=ASK_SECONDS)
    except TimeoutError:
        return None
