"""Disputes, refunds that bounce, and answers that fail, in Stripe's own shapes."""

from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.openapi import OpenApi
from tests.integration.stripe_sandbox.receiver import Received, Receiver
from tests.integration.stripe_sandbox.requests import by_key, payment, was_replayed
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess


async def heard(receiver: Receiver, intent_id: str, *types: str) -> dict[str, Received]:
    """Waits for events about an intent: disputes have no metadata of ours."""

    def mine(received: list[Received]) -> dict[str, Received]:
        return {event.type: event for event in received if event.object.get("payment_intent") == intent_id}

    return mine(await receiver.until(lambda received: mine(received).keys() >= set(types)))


async def test_a_dispute_takes_the_money_and_a_fee(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, openapi: OpenApi, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_createDispute"))
    events = await heard(receiver, intent.id, "charge.dispute.created", "charge.dispute.funds_withdrawn")
    openapi.check_object(events["charge.dispute.created"].object)
    (dispute,) = (await client.v1.disputes.list_async({"payment_intent": intent.id})).data
    (line,) = dispute.balance_transactions
    assert (dispute.status, dispute.amount) == ("needs_response", 5_998)
    assert (line.amount, line.fee, line.net, line.reporting_category) == (-5_998, 1_500, -7_498, "dispute")
    with pytest.raises(stripe.InvalidRequestError, match="charged back") as refused:
        await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"
    closed = await client.v1.disputes.close_async(dispute.id)
    assert (closed.status, len(closed.balance_transactions)) == ("lost", 1)
    assert (await client.v1.disputes.retrieve_async(dispute.id)).status == "lost"
    await heard(receiver, intent.id, "charge.dispute.updated", "charge.dispute.closed")
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 0


async def test_one_that_is_won_gives_the_money_back(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    dispute = await sandbox.ask("POST", "disputes", {"payment_intent": intent.id, "amount": 1_000})
    await sandbox.ask("POST", f"disputes/{dispute['id']}", {"outcome": "won"})
    won = await client.v1.disputes.retrieve_async(dispute["id"])
    assert [line.amount for line in won.balance_transactions] == [-1_000, 1_000]
    await heard(receiver, intent.id, "charge.dispute.funds_reinstated")
    assert (await client.v1.refunds.create_async({"payment_intent": intent.id})).status == "succeeded"


async def test_an_inquiry_moves_nothing(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    asked = await sandbox.ask("POST", "disputes", {"payment_intent": intent.id, "inquiry": True})
    assert (asked["status"], asked["balance_transactions"]) == ("warning_needs_response", [])
    assert (await client.v1.refunds.create_async({"payment_intent": intent.id})).status == "succeeded"


async def test_a_refund_that_bounces_whenever_the_bank_likes(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    made = await client.v1.refunds.create_async({"payment_intent": intent.id, "metadata": {"payment_id": payment_id}})
    await receiver.of(payment_id, "refund.updated")
    await sandbox.ask("POST", f"refunds/{made.id}/fail")
    await receiver.of(payment_id, "refund.failed")
    assert (await client.v1.refunds.retrieve_async(made.id)).status == "failed"
    assert (await sandbox.counts(payment_id))["amount_refunded"] == 0


@pytest.mark.parametrize(("kind", "charges"), [("error", 0), ("error_after", 1)])
async def test_a_failure_of_the_servers_is_kept_under_the_key(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str, kind: str, charges: int
) -> None:
    await sandbox.fault(kind=kind)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
        assert failed.value.http_status == 500
    assert (await sandbox.counts(payment_id))["charges"]["total"] == charges
    other = await client.v1.payment_intents.create_async(payment(payment_id), by_key(f"{payment_id}:2"))
    assert not was_replayed(other)


@pytest.mark.parametrize(
    ("kind", "error"), [("unauthorized", stripe.AuthenticationError), ("busy", stripe.RateLimitError)]
)
async def test_what_is_not_begun_is_not_kept(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str, kind: str, error: type[Any]
) -> None:
    await sandbox.fault(kind=kind)
    with pytest.raises(error):
        await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert (await sandbox.counts(payment_id))["payment_intents"]["total"] == 0
    assert (await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))).status == "succeeded"
