"""Refunds: part by part, never more than was taken."""

import asyncio
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.receiver import Receiver
from tests.integration.stripe_sandbox.requests import by_key, payment
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess


async def test_in_full(client: StripeClient, receiver: Receiver, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    refund = await client.v1.refunds.create_async(
        {
            "payment_intent": intent.id,
            "reason": "requested_by_customer",
            "metadata": {"payment_id": payment_id},
            "expand": ["charge", "balance_transaction"],
        }
    )
    charge: Any = refund.charge
    line: Any = refund.balance_transaction
    assert (refund.status, refund.amount, refund.reason) == ("succeeded", 5_998, "requested_by_customer")
    assert (charge.amount_refunded, charge.refunded) == (5_998, True)
    assert (line.type, line.amount, line.fee, line.net) == ("refund", -5_998, 0, -5_998)
    events = await receiver.of(payment_id, "refund.created", "charge.refunded", "refund.updated")
    assert events["charge.refunded"].body["data"]["previous_attributes"] == {"amount_refunded": 0, "refunded": False}
    assert events["refund.updated"].object["destination_details"]["card"]["reference_status"] == "available"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_in_parts(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    charge: Any = intent.latest_charge
    first = await client.v1.refunds.create_async({"charge": charge.id, "amount": 1_000})
    second = await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 4_998})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.refunds.create_async({"charge": charge.id, "amount": 1})
    assert caught.value.code == "charge_already_refunded"
    listed = await client.v1.refunds.list_async({"payment_intent": intent.id})
    assert [refund.id for refund in listed.data] == [second.id, first.id]
    by_charge = await client.v1.refunds.list_async({"charge": charge.id})
    assert [refund.id for refund in by_charge.data] == [second.id, first.id]
    assert (await client.v1.refunds.retrieve_async(first.id)).amount == 1_000
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 5_998


async def test_too_much_changes_nothing(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    with pytest.raises(stripe.InvalidRequestError, match=r"\$59\.99.*\$59\.98") as caught:
        await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 5_999})
    assert caught.value.param == "amount"
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 0
    assert (await client.v1.refunds.list_async({"payment_intent": intent.id})).data == []


async def test_what_was_not_paid_is_not_refunded(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_visa_chargeDeclined"))
    error: Any = declined.value.error
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await client.v1.refunds.create_async({"payment_intent": error.payment_intent.id})
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.refunds.create_async({"charge": error.charge})
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 0


async def test_concurrent_refunds_never_exceed_the_capture(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    results = await asyncio.gather(
        *(client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 700}) for _ in range(30)),
        return_exceptions=True,
    )
    made = [result for result in results if isinstance(result, stripe.Refund)]
    refused = [result for result in results if isinstance(result, stripe.InvalidRequestError)]
    assert (len(made), len(refused)) == (8, 22)
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 8 * 700


async def test_one_refund_by_one_key(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    request: Any = {"payment_intent": intent.id, "amount": 700}
    key = by_key(f"{payment_id}:cancelled")
    first = await client.v1.refunds.create_async(request, key)
    assert (await client.v1.refunds.create_async(request, key)).id == first.id
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 700


async def test_a_refund_that_takes_its_time(client: StripeClient, receiver: Receiver, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_pendingRefund"))
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id, "metadata": {"payment_id": payment_id}})
    assert refund.status == "pending"
    events = await receiver.of(payment_id, "refund.updated")
    assert events["refund.updated"].object["status"] == "succeeded"
    assert (await client.v1.refunds.retrieve_async(refund.id)).status == "succeeded"


async def test_a_refund_that_fails_gives_the_money_back(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_refundFail"))
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id, "metadata": {"payment_id": payment_id}})
    assert refund.status == "succeeded"
    await receiver.of(payment_id, "refund.updated", "refund.failed")
    failed: Any = await client.v1.refunds.retrieve_async(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_balance_transaction.amount) == ("failed", 5_998)
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 0
