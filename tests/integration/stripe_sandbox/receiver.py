"""A webhook's receiver: verifies every event with stripe-python, keeps it, and answers as the test sets."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import stripe
from aiohttp import web

from tests.integration.stripe_sandbox.sandbox_process import WEBHOOK_SECRET

_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Received:
    id: str
    type: str
    body: dict[str, Any]

    @property
    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["data"]["object"]
        return found

    @property
    def payment_id(self) -> str | None:
        return (self.object.get("metadata") or {}).get("payment_id")


class Receiver:
    def __init__(self) -> None:
        self.received: list[Received] = []
        """Every delivery, refused ones too, in the order of arrival."""
        self.refusals: dict[str, list[int]] = {}
        """What to answer to a payment's next deliveries; 200 when there is nothing left."""
        self._arrived = asyncio.Condition()
        app = web.Application()
        app.router.add_post("/webhooks", self._receive)
        self._runner = web.AppRunner(app)
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/webhooks"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def until(self, fulfilled: Callable[[list[Received]], bool]) -> list[Received]:
        """Waits until the deliveries are as they should be, and returns them."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: fulfilled(self.received))
        return list(self.received)

    async def of(self, payment_id: str, *types: str) -> dict[str, Received]:
        """Waits until each of these types has arrived for the payment."""

        def mine(received: list[Received]) -> dict[str, Received]:
            return {event.type: event for event in received if event.payment_id == payment_id}

        return mine(await self.until(lambda received: mine(received).keys() >= set(types)))

    async def _receive(self, request: web.Request) -> web.Response:
        payload = await request.read()
        signature = request.headers.get("Stripe-Signature")
        try:
            event = stripe.Webhook.construct_event(payload, signature, WEBHOOK_SECRET, api_key="sk_test_unused")
        except (stripe.SignatureVerificationError, ValueError):
            return web.Response(status=400)
        async with self._arrived:
            received = Received(event.id, event.type, json.loads(payload))
            self.received.append(received)
            self._arrived.notify_all()
        refusals = self.refusals.get(received.payment_id or "")
        return web.Response(status=refusals.pop(0) if refusals else 200)
