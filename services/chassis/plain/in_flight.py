"""Waits for the first call with an idempotency key, where it has not finished. Plain: use cases import it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.chassis.plain import deadlines
from services.chassis.plain.errors import IdempotencyInFlight

_ANSWER_SECONDS = 0.3
"""How long before the deadline waiting ends, so that there is time for the error's answer."""
_WITHOUT_DEADLINE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.25

T = TypeVar("T")


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Call `attempt` until it no longer raises IdempotencyInFlight, holding nothing in between.

    Raises:
        IdempotencyInFlight: the present work's deadline is near (without one: after 30 s).
    """
    left = deadlines.remaining()
    loop = asyncio.get_running_loop()
    give_up = loop.time() + (_WITHOUT_DEADLINE_SECONDS if left is None else left - _ANSWER_SECONDS)
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await attempt()
        except IdempotencyInFlight:
            if loop.time() + pause > give_up:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
