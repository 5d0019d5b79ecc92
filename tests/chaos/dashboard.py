"""Somebody in Stripe's dashboard, and the banks behind it: what happens to our money without us."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.visitor import elsewhere, wait
from tests.support.sandbox import Sandbox

_BETWEEN = (3.0, 9.0)
_REFUNDED_CENTS = 100


@dataclass
class Dashboard:
    """Refunds a little, sees refunds bounce, and disputes won and lost."""

    sandbox: Sandbox
    chance: random.Random
    done: Counter[str]

    async def run(self, stop: asyncio.Event) -> None:
        """Do so until `stop`."""
        ways: list[tuple[str, Callable[[], Awaitable[bool]]]] = [
            ("dashboard: refund", self._refund),
            ("dashboard: a refund bounces", self._bounce),
            ("dashboard: a dispute is decided", self._decide),
        ]
        while not await wait(stop, self.chance.uniform(*_BETWEEN)):
            name, way = self.chance.choice(ways)
            with elsewhere():
                self.done[name] += await way()

    async def _refund(self) -> bool:
        charges = await self.sandbox.charges()
        charged = [one for one in charges if one["amount_captured"] - one["amount_refunded"] > 5 * _REFUNDED_CENTS]
        if not charged:
            return False
        asked = {"charge": self.chance.choice(charged)["id"], "amount": str(_REFUNDED_CENTS)}
        await self.sandbox.ask("POST", "/v1/refunds", data=asked)
        return True

    async def _bounce(self) -> bool:
        refunds = [one for one in await self.sandbox.refunds() if one["status"] == "succeeded"]
        if not refunds:
            return False
        await self.sandbox.ask("POST", f"/_sandbox/refunds/{self.chance.choice(refunds)['id']}/fail")
        return True

    async def _decide(self) -> bool:
        disputes = [one for one in await self.sandbox.disputes() if one["status"].endswith("needs_response")]
        if not disputes:
            return False
        outcome = self.chance.choice(("won", "lost"))
        path = f"/_sandbox/disputes/{self.chance.choice(disputes)['id']}"
        await self.sandbox.ask("POST", path, json={"outcome": outcome})
        return True
