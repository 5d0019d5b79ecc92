"""Stripe's side: what it did, what happens there without us, and how it is made to misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.support.real_stack import RealStack

_CALL_SECONDS = 70.0
_PAGE = 100

Json = dict[str, Any]


class Sandbox:
    """The stack's Stripe sandbox, asked with the API key."""

    def __init__(self, stack: RealStack) -> None:
        key = {"Authorization": f"Bearer {stack.secrets.stripe_api_key}"}
        self._http = httpx.AsyncClient(base_url=stack.stripe_url, headers=key, timeout=_CALL_SECONDS)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def ask(self, method: str, path: str, **content: Any) -> Json:
        """What it answers; fails unless that is a 200."""
        answer = await self._http.request(method, path, **content)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def counts(self, **of: str) -> Json:
        """Intents, charges and money by `order_id=…` or `payment_id=…`."""
        return await self.ask("GET", "/_sandbox/counts", params=of)

    async def hold_next_answers(self, seconds: float, count: int = 1) -> None:
        """Commit the next request, and answer only after a while."""
        await self.ask("POST", "/_sandbox/faults", json={"kind": "hold", "seconds": seconds, "count": count})

    async def drop_next_answers(self, count: int = 1) -> None:
        """Commit the next request, and never answer."""
        await self.ask("POST", "/_sandbox/faults", json={"kind": "drop", "count": count})

    async def spoil_next(self, kind: str, count: int = 1) -> None:
        """Have Stripe answer the next requests so: error, error_after, unauthorized, busy."""
        await self.ask("POST", "/_sandbox/faults", json={"kind": kind, "count": count})

    async def refunds(self) -> list[Json]:
        """All refunds, newest first."""
        return [refund async for refund in self._all("/v1/refunds")]

    async def bounce(self, refund_id: str) -> None:
        """The bank sends a refund back that had succeeded."""
        await self.ask("POST", f"/_sandbox/refunds/{refund_id}/fail")

    async def control(self, **changes: object) -> None:
        """Change lasting settings."""
        await self.ask("PATCH", "/_sandbox/controls", json=changes)

    async def behave(self) -> None:
        """No faults, webhooks as they come, and an account in whatever is charged. Search keeps its lag."""
        await self.ask("DELETE", "/_sandbox/faults")
        await self.control(
            webhooks_stopped=False,
            webhooks_lost=False,
            webhooks_duplicated=False,
            webhooks_shuffled=False,
            webhooks_delay_seconds=0,
            latency_seconds=0,
            settlement_currency=None,
            settlement_rate=1,
        )

    async def intent(self, intent_id: str) -> Json:
        """A PaymentIntent."""
        return await self.ask("GET", f"/v1/payment_intents/{intent_id}")

    async def pass_challenge(self, intent_id: str, outcome: str = "approve") -> None:
        """Press a button of the bank's page."""
        page = (await self.intent(intent_id))["next_action"]["redirect_to_url"]["url"]
        answer = await self._http.post(page, data={"outcome": outcome})
        assert answer.status_code == 303, answer.text

    async def intents(self) -> list[Json]:
        """All PaymentIntents."""
        return [intent async for intent in self._all("/v1/payment_intents")]

    async def charges(self) -> list[Json]:
        """All charges."""
        return [charge async for charge in self._all("/v1/charges")]

    async def intent_of(self, payment_id: str) -> Json:
        """The PaymentIntent of a payment of ours. Fails where Stripe has none."""
        query = {"query": f"metadata['payment_id']:'{payment_id}'"}
        found = (await self.ask("GET", "/v1/payment_intents/search", params=query))["data"]
        assert found, f"Stripe has no intent of payment {payment_id}"
        intent: Json = found[0]
        return intent

    async def disputes(self) -> list[Json]:
        """All disputes."""
        return [dispute async for dispute in self._all("/v1/disputes")]

    async def _all(self, path: str) -> AsyncIterator[Json]:
        after: dict[str, str] = {}
        while True:
            page = await self.ask("GET", path, params={"limit": str(_PAGE), **after})
            for one in page["data"]:
                yield one
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}
