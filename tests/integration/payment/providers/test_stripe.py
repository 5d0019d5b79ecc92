"""Stripe passes what any provider must, against its sandbox."""

from __future__ import annotations

import json
from types import MappingProxyType
from uuid import UUID

import pytest
from stripe import WebhookSignature

from services.payment.adapters.stripe.client import StripeProvider
from services.payment.adapters.stripe.webhooks import BadSignature, read_webhook
from services.payment.domain.charges import ChargeState
from services.payment.domain.notices import Notice, Topic
from services.payment.domain.payments import Payment
from tests.integration.payment.lab import CHALLENGED, DECLINED, VISA, WEBHOOK_SECRET, StripeSide
from tests.integration.payment.providers.conformance import Conformance, ProviderSide

ALL_TRIES = 3
EVENTS = {Topic.CHARGE: "payment_intent.succeeded", Topic.REFUND: "refund.created"}


class StripeAndSandbox(ProviderSide):
    """The adapter, and the sandbox that it asks."""

    methods = MappingProxyType(
        {
            ChargeState.SUCCEEDED: VISA,
            ChargeState.DECLINED: DECLINED,
            ChargeState.NEEDS_CHALLENGE: CHALLENGED,
            ChargeState.PROCESSING: "pm_sandbox_processing",
        }
    )
    unknown_method = "pm_unheard_of"
    forged = BadSignature

    def __init__(self, provider: StripeProvider, sandbox: StripeSide) -> None:
        self.provider = provider
        self._sandbox = sandbox

    async def behave(self) -> None:
        await self._sandbox.settle_quickly()

    async def lose_answers(self) -> None:
        await self._sandbox.drop_next_answers(ALL_TRIES)

    async def fail(self) -> None:
        await self._sandbox.spoil_next("error")

    async def fund(self, payment: Payment, state: ChargeState) -> None:
        """Nothing: the payment method decides."""

    async def taken(self, payment_id: UUID) -> tuple[int, int]:
        counts = await self._sandbox.counts(payment_id=str(payment_id))
        return counts["amount_captured"], counts["amount_refunded"]

    async def pass_challenge(self, reference: str) -> None:
        await self._sandbox.pass_challenge(reference)

    async def make_customer(self, user_id: UUID) -> str:
        return await self._sandbox.make_customer(user_id)

    async def dispute(self, reference: str) -> None:
        await self._sandbox.dispute(reference)

    async def notice(self, topic: Topic, reference: str) -> tuple[bytes, str]:
        body = json.dumps(await self._sandbox.event(EVENTS[topic], reference))
        return body.encode(), WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET.get_secret_value())

    def read(self, body: bytes, signature: str) -> Notice:
        return read_webhook(body, signature, WEBHOOK_SECRET)


class TestStripe(Conformance):
    """The sandbox behaves well when a test begins."""

    @pytest.fixture
    async def side(self, gateway: StripeProvider, sandbox: StripeSide) -> ProviderSide:
        side = StripeAndSandbox(gateway, sandbox)
        await side.behave()
        return side
