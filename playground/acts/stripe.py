"""The controls of the Stripe sandbox, and what it counts."""

from __future__ import annotations

from typing import Any

import httpx

from local import credentials
from local.stack import Stack

_ANSWER_SECONDS = 10.0
_WELL = {"latency_seconds": 0, "webhooks_stopped": False, "webhooks_lost": False, "webhooks_delay_seconds": 0}


class StripeControls:
    """Makes Stripe slow or failing, and well again. Raises httpx.HTTPError while it does not answer."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def slow(self, seconds: float) -> None:
        """Wait this long before each POST is executed."""
        await self._call("PATCH", "controls", {"latency_seconds": seconds})

    async def fault(self, kind: str, count: int, seconds: float = 0) -> None:
        """Add faults of the next POSTs: see stripe_sandbox/README.md."""
        await self._call("POST", "faults", {"kind": kind, "count": count, "seconds": seconds})

    async def clear_faults(self) -> None:
        """Forget the faults that have not happened."""
        await self._call("DELETE", "faults")

    async def behave(self) -> None:
        """Neither slow nor failing."""
        await self.clear_faults()
        await self._call("PATCH", "controls", _WELL)

    async def counts(self, order_id: str) -> dict[str, Any]:
        """Intents and charges of an order by status, amounts captured and refunded."""
        return await self._call("GET", f"counts?order_id={order_id}")

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        key = credentials.read(self._stack.secrets).stripe_api_key
        url = self._stack.url("stripe", f"/_sandbox/{path}")
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as http:
            answer = await http.request(method, url, json=body, headers={"Authorization": f"Bearer {key}"})
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found
