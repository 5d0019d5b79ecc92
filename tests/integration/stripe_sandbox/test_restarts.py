"""What the sandbox has answered, or only committed, it knows after kill -9."""

import asyncio
import contextlib
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.receiver import Receiver
from tests.integration.stripe_sandbox.requests import by_key, payment, was_replayed
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess
from tests.integration.stripe_sandbox.test_three_d_secure import answer


async def test_state_and_answers_survive(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    first = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    refund = await client.v1.refunds.create_async({"payment_intent": first.id, "amount": 1_000})
    await sandbox.kill()
    await sandbox.start()
    found = await client.v1.payment_intents.retrieve_async(first.id, {"expand": ["latest_charge.balance_transaction"]})
    charge: Any = found.latest_charge
    assert (found.status, charge.amount_refunded) == ("succeeded", 1_000)
    assert (await client.v1.refunds.retrieve_async(refund.id)).amount == 1_000
    again = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert again.to_dict() == first.to_dict()
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "succeeded": 1}


async def test_killed_between_the_commit_and_the_answer(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    await sandbox.fault(kind="hold", seconds=60)
    unanswered = asyncio.create_task(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)))
    await sandbox.until_committed(payment_id)
    await sandbox.kill()
    with pytest.raises(stripe.APIConnectionError):
        await unanswered
    await sandbox.start()
    again = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert again.status == "succeeded"
    assert was_replayed(again)
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "succeeded": 1}


async def test_killed_before_the_execution(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    await sandbox.control(latency_seconds=60)
    unanswered = asyncio.create_task(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)))
    await sandbox.until_under_way()
    await sandbox.kill()
    with pytest.raises(stripe.APIConnectionError):
        await unanswered
    await sandbox.start()
    assert (await sandbox.counts(payment_id))["payment_intents"] == {"total": 0}
    again = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert again.status == "succeeded"
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "succeeded": 1}


async def test_killed_again_and_again_under_load(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    """Twenty payments, each repeated by its key until it is answered: each is charged once, whenever the kills come."""
    ids = [f"{payment_id}-{number}" for number in range(20)]

    async def pay(id_: str) -> str:
        while True:
            with contextlib.suppress(stripe.APIConnectionError):
                return (await client.v1.payment_intents.create_async(payment(id_), by_key(id_))).status
            await asyncio.sleep(0.05)

    paying = [asyncio.create_task(pay(id_)) for id_ in ids]
    for _ in range(3):
        await asyncio.sleep(0.05)
        await sandbox.kill()
        await sandbox.start()
    assert await asyncio.gather(*paying) == ["succeeded"] * len(ids)
    for id_ in ids:
        counts = await sandbox.counts(id_)
        assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 5_998)
        await receiver.of(id_, "payment_intent.succeeded")


async def test_what_was_to_happen_later_happens_after_the_restart(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    await sandbox.control(processing_seconds=1)
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_sandbox_processing"))
    await sandbox.kill()
    await sandbox.start()
    await receiver.of(payment_id, "payment_intent.succeeded")
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_an_open_challenge_stays_open(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_authenticationRequired"))
    await sandbox.kill()
    await sandbox.start()
    action: Any = intent.next_action
    await answer(action.redirect_to_url.url, "approve")
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_sigterm_ends_it_well(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    assert await sandbox.stop() == 0
    await sandbox.start()
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"
