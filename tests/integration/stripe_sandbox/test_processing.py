"""Payments whose outcome comes later."""

from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.receiver import Receiver
from tests.integration.stripe_sandbox.requests import payment
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess


async def test_processing_then_success(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_sandbox_processing"))
    charge: Any = intent.latest_charge
    assert (intent.status, charge.status, charge.paid) == ("processing", "pending", False)
    await receiver.of(payment_id, "payment_intent.processing", "charge.succeeded", "payment_intent.succeeded")
    paid = await client.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge.balance_transaction"]})
    charge = paid.latest_charge
    assert (paid.status, charge.balance_transaction.fee) == ("succeeded", 204)
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "succeeded": 1}


async def test_processing_then_decline(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_sandbox_processingDeclined"))
    assert intent.status == "processing"
    events = await receiver.of(payment_id, "payment_intent.payment_failed", "charge.failed")
    assert events["payment_intent.payment_failed"].object["last_payment_error"]["decline_code"] == "generic_decline"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "requires_payment_method"
    assert (await sandbox.counts(payment_id))["amount_captured"] == 0


async def test_what_is_processing_can_be_neither_cancelled_nor_confirmed(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    await sandbox.control(processing_seconds=3_600)
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_sandbox_processing"))
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.cancel_async(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "processing"
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "pending": 1}
