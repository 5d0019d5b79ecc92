"""Payments that succeed or are declined at once."""

from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.receiver import Receiver
from tests.integration.stripe_sandbox.requests import by_key, payment
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess


async def test_a_card_pays(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert intent.status == "succeeded"
    assert (intent.amount, intent.amount_received, intent.currency) == (5_998, 5_998, "usd")
    charge: Any = intent.latest_charge
    assert (charge.status, charge.paid, charge.captured, charge.refunded) == ("succeeded", True, True, False)
    assert charge.payment_method_details.card.last4 == "4242"
    line = charge.balance_transaction
    assert (line.amount, line.fee, line.net) == (5_998, 204, 5_794)
    assert await sandbox.counts(payment_id) | {"pending_webhooks": 0} == {
        "payment_intents": {"total": 1, "succeeded": 1},
        "charges": {"total": 1, "succeeded": 1},
        "amount_captured": 5_998,
        "amount_refunded": 0,
        "pending_webhooks": 0,
    }


async def test_each_brand_pays(client: StripeClient, payment_id: str) -> None:
    for method, brand in {
        "pm_card_mastercard": "mastercard",
        "pm_card_amex": "amex",
        "pm_card_visa_debit": "visa",
    }.items():
        intent = await client.v1.payment_intents.create_async(payment(payment_id, method))
        charge: Any = intent.latest_charge
        assert (intent.status, charge.payment_method_details.card.brand) == ("succeeded", brand)


async def test_payment_in_two_steps(client: StripeClient, payment_id: str) -> None:
    request = payment(payment_id)
    for name in ("confirm", "return_url", "payment_method"):
        del request[name]
    created = await client.v1.payment_intents.create_async(request)
    assert (created.status, created.latest_charge) == ("requires_payment_method", None)
    confirmed = await client.v1.payment_intents.confirm_async(created.id, {"payment_method": "pm_card_visa"})
    assert confirmed.status == "succeeded"
    found = await client.v1.payment_intents.retrieve_async(
        created.id, {"expand": ["latest_charge.balance_transaction"]}
    )
    assert found.status == "succeeded"
    assert isinstance(found.latest_charge, stripe.Charge)
    assert isinstance(found.latest_charge.balance_transaction, stripe.BalanceTransaction)


async def test_an_intent_with_a_method_waits_for_confirmation(client: StripeClient, payment_id: str) -> None:
    request = payment(payment_id)
    del request["confirm"], request["return_url"]
    created = await client.v1.payment_intents.create_async(request)
    assert created.status == "requires_confirmation"
    confirmed = await client.v1.payment_intents.confirm_async(created.id)
    assert confirmed.status == "succeeded"
    assert confirmed.payment_method == created.payment_method


async def test_by_default_the_fee_is_known_only_later(
    client: StripeClient, receiver: Receiver, payment_id: str
) -> None:
    request = payment(payment_id)
    del request["capture_method"]
    intent = await client.v1.payment_intents.create_async(request)
    charge: Any = intent.latest_charge
    assert (intent.capture_method, charge.balance_transaction) == ("automatic_async", None)
    updated = (await receiver.of(payment_id, "charge.updated"))["charge.updated"]
    assert updated.body["data"]["previous_attributes"] == {"balance_transaction": None}
    line = await client.v1.balance_transactions.retrieve_async(updated.object["balance_transaction"])
    assert (line.fee, line.source) == (204, charge.id)


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
    ],
)
async def test_a_declined_card(
    client: StripeClient,
    sandbox: SandboxProcess,
    receiver: Receiver,
    payment_id: str,
    method: str,
    code: str,
    decline_code: str | None,
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await client.v1.payment_intents.create_async(payment(payment_id, method), by_key(payment_id))
    error: Any = caught.value.error
    assert caught.value.http_status == 402
    assert (error.type, error.code, error.decline_code) == ("card_error", code, decline_code)
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.metadata["payment_id"] == payment_id
    counts = await sandbox.counts(payment_id)
    assert counts["payment_intents"] == {"total": 1, "requires_payment_method": 1}
    assert counts["charges"] == {"total": 1, "failed": 1}
    assert counts["amount_captured"] == 0
    events = await receiver.of(payment_id, "payment_intent.created", "charge.failed", "payment_intent.payment_failed")
    assert events["payment_intent.payment_failed"].object["last_payment_error"]["code"] == code
    assert "payment_intent.succeeded" not in events


async def test_another_card_pays_after_a_decline(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_visa_chargeDeclined"))
    failed: Any = caught.value.error
    intent = await client.v1.payment_intents.confirm_async(failed.payment_intent.id, {"payment_method": "pm_card_visa"})
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)
    counts = await sandbox.counts(payment_id)
    assert counts["charges"] == {"total": 2, "failed": 1, "succeeded": 1}


async def test_a_paid_intent_is_neither_confirmed_nor_cancelled_again(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    before = await sandbox.counts(payment_id)
    with pytest.raises(stripe.InvalidRequestError) as confirming:
        await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError) as cancelling:
        await client.v1.payment_intents.cancel_async(intent.id)
    for caught in (confirming, cancelling):
        error: Any = caught.value.error
        assert error.code == "payment_intent_unexpected_state"
        assert error.payment_intent.status == "succeeded"
    after = await sandbox.counts(payment_id)
    assert {**after, "pending_webhooks": 0} == {**before, "pending_webhooks": 0}


async def test_cancelling(client: StripeClient, receiver: Receiver, payment_id: str) -> None:
    request = payment(payment_id)
    del request["confirm"], request["return_url"]
    created = await client.v1.payment_intents.create_async(request)
    canceled = await client.v1.payment_intents.cancel_async(created.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert canceled.canceled_at is not None
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.confirm_async(created.id)
    assert (await client.v1.payment_intents.retrieve_async(created.id)).status == "canceled"
    await receiver.of(payment_id, "payment_intent.canceled")


async def test_customers_are_pointed_at(client: StripeClient, payment_id: str) -> None:
    customer = await client.v1.customers.create_async(
        {"email": "ada@example.com", "name": "Ada", "metadata": {"user_id": "7"}}
    )
    assert (await client.v1.customers.retrieve_async(customer.id)).email == "ada@example.com"
    intent = await client.v1.payment_intents.create_async(
        payment(payment_id, customer=customer.id, expand=["customer", "latest_charge", "payment_method"])
    )
    assert isinstance(intent.customer, stripe.Customer)
    assert isinstance(intent.payment_method, stripe.PaymentMethod)
    assert intent.customer.id == customer.id
    of_customer = await client.v1.payment_intents.list_async({"customer": customer.id})
    assert [found.id for found in of_customer.data] == [intent.id]
