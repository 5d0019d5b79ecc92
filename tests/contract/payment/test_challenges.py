"""ConfirmPayment and Stripe's webhooks: how a payment goes on after the customer's challenge."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from stripe import WebhookSignature

from argosy.payment.v1 import payment_pb2, payment_pb2_grpc
from tests.contract.payment.conftest import PlaceOrder
from tests.contract.payment.stripe_side import StripeSide
from tests.contract.support import SignedIn, bad_tokens, bearer, fields, refused, service_token
from tests.support.real_stack import RealStack
from tests.support.shop import until

Stub = payment_pb2_grpc.PaymentServiceStub


@pytest.fixture
async def webhooks_held(stripe: StripeSide) -> AsyncIterator[None]:
    """Stripe's own webhooks wait until the test is over."""
    await stripe.control(webhooks_stopped=True)
    yield
    await stripe.control(webhooks_stopped=False)


@pytest.fixture
async def waiting(payments: Stub, place_order: PlaceOrder, ada: SignedIn) -> payment_pb2.Payment:
    """A payment of Ada's that waits for a challenge."""
    request = payment_pb2.CreatePaymentRequest(
        order_id=await place_order(ada), payment_method_id="pm_card_authenticationRequired"
    )
    payment: payment_pb2.Payment = await payments.CreatePayment(request, metadata=ada.metadata)
    return payment


def confirm(payment_id: str) -> payment_pb2.ConfirmPaymentRequest:
    return payment_pb2.ConfirmPaymentRequest(id=payment_id)


async def status_of(payments: Stub, person: SignedIn, payment_id: str) -> str:
    seen: payment_pb2.Payment = await payments.GetPayment(
        payment_pb2.GetPaymentRequest(id=payment_id), metadata=person.metadata
    )
    return seen.status


@pytest.mark.usefixtures("webhooks_held")
async def test_confirming_applies_the_state_at_stripe(
    payments: Stub, stripe: StripeSide, ada: SignedIn, waiting: payment_pb2.Payment
) -> None:
    still = await payments.ConfirmPayment(confirm(waiting.payment_id), metadata=ada.metadata)
    assert (still.status, still.client_secret) == ("requires_action", waiting.client_secret)
    await stripe.answer_challenge(waiting.client_secret, "approve")
    done = await payments.ConfirmPayment(confirm(waiting.payment_id), metadata=ada.metadata)
    assert (done.status, done.HasField("client_secret")) == ("succeeded", False)
    assert await payments.ConfirmPayment(confirm(waiting.payment_id), metadata=ada.metadata) == done


@pytest.mark.usefixtures("webhooks_held")
async def test_confirming_after_a_failed_challenge(
    payments: Stub, stripe: StripeSide, ada: SignedIn, waiting: payment_pb2.Payment
) -> None:
    await stripe.answer_challenge(waiting.client_secret, "fail")
    failed = await payments.ConfirmPayment(confirm(waiting.payment_id), metadata=ada.metadata)
    assert (failed.status, failed.decline_code) == ("failed", "payment_intent_authentication_failure")


@pytest.mark.usefixtures("webhooks_held")
async def test_nobody_confirms_but_the_owner(
    payments: Stub,
    stack: RealStack,
    stripe: StripeSide,
    ada: SignedIn,
    bob: SignedIn,
    staff: SignedIn,
    waiting: payment_pb2.Payment,
) -> None:
    await stripe.answer_challenge(waiting.client_secret, "approve")
    unknown = await refused(payments.ConfirmPayment(confirm(str(uuid.uuid4())), metadata=bob.metadata))
    assert unknown.code is grpc.StatusCode.NOT_FOUND
    for other in (bob, staff):
        assert await refused(payments.ConfirmPayment(confirm(waiting.payment_id), metadata=other.metadata)) == unknown
    nobody = await refused(payments.ConfirmPayment(confirm(waiting.payment_id)))
    assert nobody.code is grpc.StatusCode.UNAUTHENTICATED
    tokens = {**bad_tokens(stack, ada.id), "the order service's": service_token(stack, "order")}
    for what, token in tokens.items():
        refusal = await refused(payments.ConfirmPayment(confirm(waiting.payment_id), metadata=bearer(token)))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
    assert await status_of(payments, ada, waiting.payment_id) == "requires_action"


@pytest.mark.parametrize("id_", ["", "42"])
async def test_a_malformed_id_is_named(payments: Stub, ada: SignedIn, id_: str) -> None:
    refusal = await refused(payments.ConfirmPayment(confirm(id_), metadata=ada.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {"id"}


async def test_stripes_own_webhook_confirms_without_the_customer(
    payments: Stub, stripe: StripeSide, ada: SignedIn, waiting: payment_pb2.Payment
) -> None:
    await stripe.answer_challenge(waiting.client_secret, "approve")
    await until(
        lambda: status_of(payments, ada, waiting.payment_id),
        lambda seen: seen == "succeeded",
        "the webhook to be taken",
    )


class TestWebhooks:
    """Calls as Stripe makes them, with an event that would confirm the payment."""

    @pytest.fixture
    async def event(self, stripe: StripeSide, webhooks_held: None, waiting: payment_pb2.Payment) -> Any:
        intent_id = await stripe.answer_challenge(waiting.client_secret, "approve")
        return await stripe.event("payment_intent.succeeded", intent_id)

    def call(self, stack: RealStack, payments: Stub, event: Any, *, age: int = 0, secret: str | None = None) -> Any:
        payload = json.dumps(event)
        signature = WebhookSignature.generate_signature_header(
            payload, secret or stack.secrets.stripe_webhook_secret, timestamp=int(time.time()) - age
        )
        return self.send(payments, payload.encode(), signature)

    def send(self, payments: Stub, payload: bytes, signature: str | None) -> Any:
        metadata = (("stripe-signature", signature),) if signature is not None else ()
        body = httpbody_pb2.HttpBody(content_type="application/json", data=payload)
        return payments.HandleStripeWebhook(body, metadata=metadata)

    async def test_a_good_one_and_its_duplicates(
        self, stack: RealStack, payments: Stub, ada: SignedIn, waiting: payment_pb2.Payment, event: Any
    ) -> None:
        for _ in range(3):
            assert (await self.call(stack, payments, event)).received is True
        assert await status_of(payments, ada, waiting.payment_id) == "succeeded"

    async def test_ones_that_stripe_did_not_sign(
        self, stack: RealStack, payments: Stub, ada: SignedIn, waiting: payment_pb2.Payment, event: Any
    ) -> None:
        payload = json.dumps(event).encode()
        for call in (
            self.call(stack, payments, event, age=301),
            self.call(stack, payments, event, secret="whsec_other"),
            self.send(payments, payload, None),
            self.send(payments, payload, "t=1,v1=00"),
            self.send(payments, b"", "t=1,v1=00"),
            self.send(payments, b"\xff", "t=1,v1=00"),
        ):
            refusal = await refused(call)
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_SIGNATURE")
        assert await status_of(payments, ada, waiting.payment_id) == "requires_action"

    async def test_ones_of_no_concern_are_received(
        self, stack: RealStack, payments: Stub, ada: SignedIn, waiting: payment_pb2.Payment, event: Any
    ) -> None:
        foreign = event["data"]["object"] | {"id": "pi_foreign", "metadata": {}}
        for other in (
            event | {"type": "payment_intent.created"},
            event | {"type": "customer.created", "data": {"object": {"object": "customer"}}},
            event | {"data": {"object": foreign}},
        ):
            assert (await self.call(stack, payments, other)).received is True
        assert await status_of(payments, ada, waiting.payment_id) == "requires_action"

    async def test_a_bad_token_is_refused_even_here(
        self, stack: RealStack, payments: Stub, ada: SignedIn, waiting: payment_pb2.Payment, event: Any
    ) -> None:
        payload = json.dumps(event)
        signature = WebhookSignature.generate_signature_header(payload, stack.secrets.stripe_webhook_secret)
        for what, token in bad_tokens(stack, ada.id).items():
            metadata = (("stripe-signature", signature), *bearer(token))
            body = httpbody_pb2.HttpBody(data=payload.encode())
            refusal = await refused(payments.HandleStripeWebhook(body, metadata=metadata))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
        assert await status_of(payments, ada, waiting.payment_id) == "requires_action"
