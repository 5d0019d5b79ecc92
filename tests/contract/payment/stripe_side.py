"""What happens at Stripe: looked at, and done by others than the service."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox import Sandbox


class StripeSide(Sandbox):
    """The sandbox of the stack."""

    async def asked_for(self, order_id: str) -> bool:
        """Whether Stripe has heard of the order at all."""
        return bool((await self.counts(order_id=order_id))["payment_intents"]["total"])

    async def answer_challenge(self, client_secret: str, outcome: str) -> str:
        """What the customer does in the browser; answers the intent's id."""
        intent_id = client_secret.partition("_secret_")[0]
        await self.pass_challenge(intent_id, outcome)
        return intent_id

    async def event(self, kind: str, intent_id: str) -> Any:
        """The latest event of a kind about an intent."""
        page = await self.ask("GET", "/v1/events", params={"type": kind, "limit": 100})
        return next(event for event in page["data"] if event["data"]["object"]["id"] == intent_id)
