"""Webhooks: from Stripe alone, late, twice, in any order."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from stripe import WebhookSignature

from services.payment.adapters.stripe.client import StripeProvider
from services.payment.adapters.stripe.webhooks import BadSignature
from services.payment.domain.orders import Order
from services.payment.domain.payments import Status, Stranded
from services.payment.ports import OutcomeUnknown
from tests.integration.payment.lab import CHALLENGED, DECLINED, VISA, WEBHOOK_SECRET, Lab

SUCCEEDED = "payment_intent.succeeded"


async def challenged(lab: Lab) -> tuple[Order, str, str]:
    """An order whose customer has been sent to a challenge; the payment's and the intent's ids."""
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    return order, waiting.payment_id, str((await lab.payment(waiting.payment_id)).provider_reference)


def signed(event: Any, *, age: float = 0, secret: str | None = None) -> tuple[bytes, str]:
    payload = json.dumps(event)
    signature = WebhookSignature.generate_signature_header(
        payload, secret or WEBHOOK_SECRET.get_secret_value(), timestamp=int(time.time() - age)
    )
    return payload.encode(), signature


async def test_success_after_a_challenge(lab: Lab) -> None:
    order, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.pass_challenge(intent_id)
    (event,) = await lab.sandbox.events(SUCCEEDED, intent_id)
    for _ in range(3):
        await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_CONFIRMED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]


async def test_failure_after_a_challenge(lab: Lab) -> None:
    order, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.pass_challenge(intent_id, "fail")
    (event,) = await lab.sandbox.events("payment_intent.payment_failed", intent_id)
    await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.FAILED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1}


async def test_a_cancellation_at_stripe(lab: Lab) -> None:
    order, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.ask("POST", f"/v1/payment_intents/{intent_id}/cancel")
    (event,) = await lab.sandbox.events("payment_intent.canceled", intent_id)
    await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.CANCELLED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1}


async def test_an_old_failure_does_not_hide_that_it_succeeded_since(lab: Lab) -> None:
    order, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.pass_challenge(intent_id, "fail")
    await lab.sandbox.confirm_by_customer(intent_id, VISA)
    (failed,) = await lab.sandbox.events("payment_intent.payment_failed", intent_id)
    (succeeded,) = await lab.sandbox.events(SUCCEEDED, intent_id)
    await lab.webhook(failed)
    await lab.webhook(succeeded)
    await lab.webhook(failed)
    assert (await lab.payment(payment_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_CONFIRMED": 1}


async def test_one_that_overtakes_our_own_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    await lab.sandbox.drop_next_answers(3)
    unknown = await lab.pay(order)
    intents = await lab.sandbox.ask(
        "GET", "/v1/payment_intents/search", params={"query": f"metadata['payment_id']:'{unknown.payment_id}'"}
    )
    (event,) = await lab.sandbox.events(SUCCEEDED, intents["data"][0]["id"])
    await lab.webhook(event)
    payment = await lab.payment(unknown.payment_id)
    assert (payment.status, payment.provider_reference) == (Status.SUCCEEDED, intents["data"][0]["id"])
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_what_is_known_is_not_asked_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    paid = await lab.pay(lab.orders.place())
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    (event,) = await lab.sandbox.events(SUCCEEDED, intent_id)

    async def asked(*_: object) -> None:
        raise AssertionError("Stripe was asked")

    monkeypatch.setattr(StripeProvider, "look_up", asked)
    await lab.webhook(event)
    declined = await lab.pay(lab.orders.place(), DECLINED)
    await lab.reconcile()
    intent_id = str((await lab.payment(declined.payment_id)).provider_reference)
    for kind in ("payment_intent.payment_failed", "payment_intent.canceled"):
        for event in await lab.sandbox.events(kind, intent_id):
            await lab.webhook(event)


async def test_it_is_taken_again_when_stripe_could_not_be_asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.pass_challenge(intent_id)
    (event,) = await lab.sandbox.events(SUCCEEDED, intent_id)

    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "look_up", away)
        with pytest.raises(OutcomeUnknown):
            await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.REQUIRES_ACTION
    await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_CONFIRMED": 1}


async def test_a_refund_made_by_other_hands_is_booked(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    await lab.sandbox.refund_by_hand(intent_id, 1000)
    (event,) = await lab.sandbox.events("charge.refunded", intent_id)
    for _ in range(2):
        await lab.webhook(event)
    assert (await lab.payment(paid.payment_id)).status is Status.PARTIALLY_REFUNDED
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "10.00")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(paid.payment_id)).status is Status.REFUNDED
    assert (await lab.ledger(order))[-1] == ("refund", "49.98")


async def test_a_refund_of_a_payment_that_is_not_known_to_be_paid(lab: Lab) -> None:
    order, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.pass_challenge(intent_id)
    await lab.sandbox.refund_by_hand(intent_id, 5998)
    (event,) = await lab.sandbox.events("charge.refunded", intent_id)
    await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.REFUNDED
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]


async def test_a_refund_that_comes_back_from_the_bank(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order, "pm_card_refundFail")
    await lab.sandbox.control(settlement_seconds=0.5)
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(paid.payment_id)).status is Status.REFUNDED
    await lab.until_refund_is_settled_at_stripe(paid.payment_id)
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    for event in await lab.sandbox.events("refund.updated", intent_id):
        await lab.webhook(event)
    assert (await lab.payment(paid.payment_id)).status is Status.SUCCEEDED
    assert (await lab.ledger(order))[-2:] == [("refund", "59.98"), ("refund_reversal", "59.98")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1, "PAYMENT_REFUND_FAILED": 1}
    stranded = await lab.payment(paid.payment_id)
    assert stranded.stranded is Stranded.REFUND_RETURNED  # it needs a person
    await lab.reconcile(past=timedelta(hours=2))
    assert len(await lab.refunds(paid.payment_id)) == 1
    assert (await lab.payment(paid.payment_id)).check_at is not None


async def test_a_refund_that_came_back_before_anybody_looked(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    refund = await lab.sandbox.refund_by_hand(intent_id, 1000)
    await lab.sandbox.bounce(refund["id"])
    for kind in ("refund.created", "charge.refunded", "refund.failed"):
        for event in await lab.sandbox.events(kind, intent_id):
            await lab.webhook(event)
    assert (await lab.payment(paid.payment_id)).status is Status.SUCCEEDED
    assert (await lab.ledger(order))[-2:] == [("refund", "10.00"), ("refund_reversal", "10.00")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUND_FAILED": 1}


async def test_of_others_and_of_other_kinds(lab: Lab) -> None:
    paid = await lab.pay(lab.orders.place())
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    before = await lab.everything()
    (event,) = await lab.sandbox.events(SUCCEEDED, intent_id)
    foreign = event["data"]["object"] | {"id": "pi_foreign", "metadata": {"payment_id": str(uuid4())}}
    await lab.webhook(event | {"id": "evt_foreign", "data": {"object": foreign}})
    await lab.webhook(event | {"id": "evt_no_metadata", "data": {"object": foreign | {"metadata": {}}}})
    await lab.webhook(event | {"id": "evt_words", "data": {"object": foreign | {"metadata": {"payment_id": "x"}}}})
    await lab.webhook(event | {"id": "evt_other", "type": "payment_intent.created"})
    await lab.webhook({"id": "evt_strange", "type": "issuing_card.created", "data": {"object": {"object": "card"}}})
    assert await lab.everything() == before


async def test_an_intent_that_only_claims_to_be_ours(lab: Lab) -> None:
    """Whoever shares our account at Stripe could write anything into metadata."""
    order, payment_id, _ = await challenged(lab)
    content = {
        "amount": "100",
        "currency": "usd",
        "payment_method": VISA,
        "confirm": "true",
        "return_url": "http://127.0.0.1/",
        "metadata[payment_id]": payment_id,
    }
    cheap = await lab.sandbox.ask("POST", "/v1/payment_intents", data=content)
    (event,) = await lab.sandbox.events(SUCCEEDED, cheap["id"])
    await lab.webhook(event)
    assert (await lab.payment(payment_id)).status is Status.REQUIRES_ACTION
    assert await lab.ledger(order) == []


class TestSignatures:
    """Each of these would confirm the payment, were it signed rightly."""

    @pytest.fixture
    async def event(self, lab: Lab) -> Any:
        _, self.payment_id, intent_id = await challenged(lab)
        await lab.sandbox.pass_challenge(intent_id)
        (event,) = await lab.sandbox.events(SUCCEEDED, intent_id)
        return event

    async def refused(self, lab: Lab, payload: bytes, signature: str) -> None:
        with pytest.raises(BadSignature):
            await lab.handle_webhook(payload, signature)
        assert (await lab.payment(self.payment_id)).status is Status.REQUIRES_ACTION

    async def test_as_it_should_be(self, lab: Lab, event: Any) -> None:
        await lab.handle_webhook(*signed(event, age=290))
        assert (await lab.payment(self.payment_id)).status is Status.SUCCEEDED

    async def test_too_old(self, lab: Lab, event: Any) -> None:
        await self.refused(lab, *signed(event, age=310))

    async def test_another_secret(self, lab: Lab, event: Any) -> None:
        await self.refused(lab, *signed(event, secret="whsec_other"))

    async def test_another_body(self, lab: Lab, event: Any) -> None:
        payload, signature = signed(event)
        await self.refused(lab, payload + b" ", signature)

    @pytest.mark.parametrize("signature", ["", "t=1", "v1=00", "t=x,v1=00", "nonsense", "t=1,v0=00"])
    async def test_none_to_speak_of(self, lab: Lab, event: Any, signature: str) -> None:
        await self.refused(lab, signed(event)[0], signature)

    async def test_bytes_that_are_no_text(self, lab: Lab, event: Any) -> None:
        await self.refused(lab, b"\xff\xfe", signed(event)[1])

    @pytest.mark.parametrize(
        ("payload", "why"),
        [
            (b"nonsense", "unparsable"),
            (b"", "unparsable"),
            (b"[]", "unparsable"),
            (b"\xff\xfe", "unparsable"),
            (b"[" * 100_000, "unparsable"),
            (b"{}", "other_shape"),
            (b'{"id": 1}', "other_shape"),
            (b'{"id": "e", "type": "t", "data": null}', "other_shape"),
            (
                b'{"id": "e", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"}',
                "other_shape",
            ),
            (b'{"id": "e\\u0000", "type": "payment_intent.succeeded", "data": {"object": {}}}', "other_shape"),
            (
                b'{"id": "e", "type": "charge.refunded", "data": {"object": {"metadata": 5}}}',
                "unknown_payment",
            ),
            (b'{"id": "e", "type": "charge.refunded", "data": {"object": {"payment_intent": 5}}}', "unknown_payment"),
            (b'{"id": "e", "type": "invoice.paid", "data": {"object": {}}}', "other_type"),
        ],
    )
    async def test_what_is_stripes_and_not_understood_is_received_and_counted(
        self, lab: Lab, event: Any, payload: bytes, why: str
    ) -> None:
        moment = str(int(time.time()))
        seal = hmac.new(WEBHOOK_SECRET.get_secret_value().encode(), f"{moment}.".encode() + payload, hashlib.sha256)
        before, counted = await lab.everything(), counted_as(why)
        await lab.handle_webhook(payload, f"t={moment},v1={seal.hexdigest()}")
        assert (await lab.everything(), counted_as(why)) == (before, counted + 1)


def counted_as(result: str) -> float:
    return REGISTRY.get_sample_value("argosy_stripe_webhooks_total", {"result": result}) or 0


async def test_events_of_connected_accounts_are_none_of_ours(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    _, payment_id, intent_id = await challenged(lab)
    await lab.sandbox.pass_challenge(intent_id)
    (event,) = await lab.sandbox.events(SUCCEEDED, intent_id)

    async def asked(*_: object) -> None:
        raise AssertionError("Stripe was asked")

    counted = counted_as("connected_account")
    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "look_up", asked)
        await lab.webhook(event | {"account": "acct_1"})
    assert (await lab.payment(payment_id)).status is Status.REQUIRES_ACTION
    assert counted_as("connected_account") == counted + 1
    await lab.webhook(event)  # the same event of our own account takes effect yet
    assert (await lab.payment(payment_id)).status is Status.SUCCEEDED


@pytest.mark.parametrize("kind", ["charge.refunded", "charge.refund.updated", "refund.created", "refund.updated"])
@pytest.mark.parametrize("expanded", [False, True])
async def test_a_refund_is_heard_of_under_all_its_names(lab: Lab, kind: str, expanded: bool) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    await lab.sandbox.refund_by_hand(intent_id, 1000)
    event = await lab.sandbox.event(kind, intent_id)
    if expanded:
        subject = event["data"]["object"]
        subject["payment_intent"] = {"id": intent_id, "object": "payment_intent"}
        if "charge" in subject:
            subject["charge"] = {"id": subject["charge"], "object": "charge"}
    await lab.webhook(event)
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    assert (await lab.ledger(order))[-1] == ("refund", "10.00")


async def test_a_refund_that_names_its_charge_alone(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    await lab.sandbox.refund_by_hand(intent_id, 1000)
    event = await lab.sandbox.event("refund.created", intent_id)
    event["data"]["object"]["payment_intent"] = None
    await lab.webhook(event)
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


@pytest.mark.parametrize("kind", ["refund.failed", "charge.refund.updated", "refund.updated"])
async def test_that_a_refund_came_back_is_heard_of_under_all_its_names(lab: Lab, kind: str) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    payment = await lab.payment(paid.payment_id)
    await lab.sandbox.control(settlement_seconds=3600)
    await lab.refund(payment.id, 1000)
    (refund,) = await lab.refunds(payment.id)
    await lab.sandbox.ask("POST", f"/_sandbox/refunds/{refund.provider_reference}/fail")
    await lab.webhook(await lab.sandbox.event(kind, str(payment.provider_reference)))
    assert (await lab.payment(payment.id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1, "PAYMENT_REFUND_FAILED": 1}
