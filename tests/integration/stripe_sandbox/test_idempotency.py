"""Idempotency keys: one execution, one answer."""

import asyncio
from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.conftest import WatchedHttpClient
from tests.integration.stripe_sandbox.requests import by_key, is_in_use, payment, was_replayed
from tests.integration.stripe_sandbox.sandbox_process import API_KEY, SandboxProcess

ONE_PAYMENT = {"payment_intents": {"total": 1, "succeeded": 1}, "charges": {"total": 1, "succeeded": 1}}


async def assert_paid_once(sandbox: SandboxProcess, payment_id: str) -> None:
    counts = await sandbox.counts(payment_id)
    assert {name: counts[name] for name in ONE_PAYMENT} == ONE_PAYMENT


async def test_a_repeat_gets_the_first_answer(
    client: StripeClient, sandbox: SandboxProcess, http_client: WatchedHttpClient, payment_id: str
) -> None:
    first = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    # The world has moved on since; the answer has not.
    await client.v1.refunds.create_async({"payment_intent": first.id})
    again = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert again.to_dict() == first.to_dict()
    original, _, replay = http_client.answers
    assert "Idempotent-Replayed" not in original
    assert replay["Idempotent-Replayed"] == "true"
    assert replay["Original-Request"] == original["Request-Id"] != replay["Request-Id"]
    assert replay["Idempotency-Key"] == payment_id
    await assert_paid_once(sandbox, payment_id)


async def test_a_decline_is_replayed_too(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    errors = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            await client.v1.payment_intents.create_async(
                payment(payment_id, "pm_card_visa_chargeDeclined"), by_key(payment_id)
            )
        errors.append(caught.value.json_body)
    assert errors[0] == errors[1]
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "failed": 1}


async def test_a_refusal_after_execution_began_is_replayed(client: StripeClient, payment_id: str) -> None:
    messages = []
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.payment_intents.create_async(payment(payment_id, "pm_nothing"), by_key(payment_id))
        messages.append((caught.value.json_body, (caught.value.headers or {}).get("Idempotent-Replayed")))
    assert messages[0][0] == messages[1][0]
    assert [replayed for _, replayed in messages] == [None, "true"]


async def test_other_parameters_under_the_key(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    with pytest.raises(stripe.IdempotencyError) as caught:
        await client.v1.payment_intents.create_async(payment(payment_id, amount=5_999), by_key(payment_id))
    assert caught.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.refunds.create_async({"charge": "ch_1"}, by_key(payment_id))
    await assert_paid_once(sandbox, payment_id)


async def test_unreadable_parameters_leave_the_key_free(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.create_async(payment(payment_id, amount=0), by_key(payment_id))
    assert (await sandbox.counts(payment_id))["payment_intents"] == {"total": 0}
    intent = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert intent.status == "succeeded"


async def test_a_key_in_use_is_a_conflict(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    await sandbox.fault(kind="hold", seconds=2)
    held = asyncio.create_task(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)))
    await sandbox.until_committed(payment_id)
    with pytest.raises(stripe.APIError) as caught:
        await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert is_in_use(caught.value)
    first = await held
    again = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert again.id == first.id
    await assert_paid_once(sandbox, payment_id)


async def test_fifty_at_once_with_one_key(
    sandbox: SandboxProcess, http_client: WatchedHttpClient, payment_id: str
) -> None:
    """stripe-python repeats what is in use, so that all get the one answer."""
    await sandbox.control(latency_seconds=0.2)
    client = stripe.StripeClient(
        API_KEY, base_addresses={"api": sandbox.url}, http_client=http_client, max_network_retries=10
    )
    intents = await asyncio.gather(
        *(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)) for _ in range(50))
    )
    assert len({intent.id for intent in intents}) == 1
    assert {intent.status for intent in intents} == {"succeeded"}
    await assert_paid_once(sandbox, payment_id)


async def test_fifty_at_once_without_latency(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    results = await asyncio.gather(
        *(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)) for _ in range(50)),
        return_exceptions=True,
    )
    intents = [result for result in results if isinstance(result, stripe.PaymentIntent)]
    conflicts = [result for result in results if isinstance(result, stripe.APIError) and is_in_use(result)]
    assert len(intents) + len(conflicts) == 50
    assert len({intent.id for intent in intents}) == 1
    await assert_paid_once(sandbox, payment_id)


async def test_the_connection_drops_after_the_charge(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    request = payment(payment_id, "pm_sandbox_dropAfterCharge")
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.payment_intents.create_async(request, by_key(payment_id))
    await assert_paid_once(sandbox, payment_id)
    again = await client.v1.payment_intents.create_async(request, by_key(payment_id))
    assert again.status == "succeeded"
    assert was_replayed(again)
    await assert_paid_once(sandbox, payment_id)


async def test_the_next_answer_is_dropped_on_request(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    await sandbox.fault(kind="drop", count=2)
    for _ in range(2):
        with pytest.raises(stripe.APIConnectionError):
            await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    intent = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert intent.status == "succeeded"
    await assert_paid_once(sandbox, payment_id)


async def test_a_caller_that_gives_up_is_charged_all_the_same(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    await sandbox.control(latency_seconds=1)
    giving_up = asyncio.create_task(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)))
    await sandbox.until_under_way()
    giving_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving_up
    await sandbox.until_committed(payment_id)
    await sandbox.control(latency_seconds=0)
    again = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert was_replayed(again)
    await assert_paid_once(sandbox, payment_id)


async def test_a_forgotten_key_is_executed_again_and_search_finds_the_first(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    first = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert (await sandbox.ask("DELETE", "idempotency_keys"))["forgotten"] >= 1
    found = await client.v1.payment_intents.search_async({"query": f"metadata['payment_id']:'{payment_id}'"})
    assert [intent.id for intent in found.data] == [first.id]
    second = await client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id))
    assert second.id != first.id


async def test_keys_have_a_length(sandbox: SandboxProcess) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        response = await http.post(
            f"{sandbox.url}/v1/customers", data={"name": "Ada"}, headers={"Idempotency-Key": "k" * 256}
        )
    error: Any = response.json()
    assert (response.status_code, error["error"]["type"]) == (400, "invalid_request_error")
