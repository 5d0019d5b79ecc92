"""Somebody who uses the shop: signed in, with a chance of their own that decides what they do.

They do what good clients do: a request that was not answered is repeated under its idempotency key until it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from tests.chaos.record import Exchange, Json, Record
from tests.support.shop import Shop

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LONGEST_TRY_SECONDS = 600.0
_IMPATIENT_SECONDS = (0.005, 0.2)
_ABORTED = 10
_ELSEWHERE_IS_AWAY = (httpx.TransportError, AssertionError, KeyError, TypeError, ValueError)

Way = tuple[int, str, Callable[[], Awaitable[object]]]
"""Something that people do: how often (a weight), its name in the report, and the work."""


class GaveUp(Exception):
    """A request was not answered for ten minutes."""


@dataclass
class Visitor:
    """Somebody with an account."""

    name: str
    token: str
    shop: Shop
    record: Record
    chance: random.Random
    done: Counter[str]
    """How often people did what: shared by all."""

    async def live(self, ways: Sequence[Way], stop: asyncio.Event, pause: tuple[float, float]) -> None:
        """Do one thing after the other until `stop`; what has begun is brought to its end."""
        while not stop.is_set():
            ((_, name, way),) = self.chance.choices(ways, [weight for weight, _, _ in ways])
            if await way() is not False:
                self.done[name] += 1
            await wait(stop, self.chance.uniform(*pause))

    async def once(
        self, method: str, path: str, body: Json | None = None, key: str | None = None, patience: float | None = None
    ) -> Exchange:
        """One request, answered or not. patience: seconds, when it is less than the client's own."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.record.call(
            self.shop.http, self.name, method, path, body, key=key, headers=headers, patience=patience
        )

    async def insist(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> Exchange:
        """The same request until it is answered for good. Raises GaveUp."""
        pause = _FIRST_PAUSE
        began = self.record.now
        while True:
            found = await self.once(method, path, body, key)
            in_flight = found.status == 409 and found.answer.get("code") == _ABORTED
            if not (found.unanswered or found.status == 429 or in_flight):
                return found
            if self.record.now - began > _LONGEST_TRY_SECONDS:
                raise GaveUp(f"{method} {path}: {found.status} {found.answer}")
            await asyncio.sleep(pause * self.chance.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def reload(self, method: str, path: str, body: Json, key: str) -> Exchange:
        """The same request, given up by the browser within a moment, then sent again until it is answered."""
        await self.once(method, path, body, key, patience=self.chance.uniform(*_IMPATIENT_SECONDS))
        return await self.insist(method, path, body, key)

    async def move(self, order_id: str, status: str) -> Exchange:
        """Send an order to a status."""
        return await self.insist("PATCH", f"/orders/{order_id}/status", {"status": status})

    def new_key(self) -> str:
        """An idempotency key that follows from the chance."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


async def wait(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until `stop` is set; whether it is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


def elsewhere() -> contextlib.suppress:
    """Around what somebody does at Stripe or at their bank: either may be away, and then it is not done."""
    return contextlib.suppress(*_ELSEWHERE_IS_AWAY)
