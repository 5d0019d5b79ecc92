"""Webhooks: signed, repeated until they are taken, never lost; and the ways they may misbehave."""

from pathlib import Path
from typing import Any

import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.openapi import OpenApi
from tests.integration.stripe_sandbox.receiver import Received, Receiver
from tests.integration.stripe_sandbox.requests import payment
from tests.integration.stripe_sandbox.sandbox_process import API_KEY, SandboxProcess

OF_A_PAYMENT = {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}


def of(received: list[Received], payment_id: str) -> list[Received]:
    return [event for event in received if event.payment_id == payment_id]


async def test_each_event_of_a_payment_arrives(
    client: StripeClient, receiver: Receiver, openapi: OpenApi, payment_id: str
) -> None:
    """The receiver has verified their signatures by stripe.Webhook.construct_event: it keeps no others."""
    intent = await client.v1.payment_intents.create_async(payment(payment_id), {"idempotency_key": payment_id})
    events = await receiver.of(payment_id, *OF_A_PAYMENT)
    assert events.keys() == OF_A_PAYMENT
    for event in events.values():
        openapi.check_object(event.body)
        openapi.check_object(event.object)
        assert event.body["request"]["idempotency_key"] == payment_id
        assert event.body["api_version"] == openapi.version
    assert events["payment_intent.succeeded"].object["id"] == intent.id
    assert events["payment_intent.succeeded"].object["status"] == "succeeded"


async def test_events_that_are_not_selected_are_listed_and_not_delivered(
    http_client: stripe.HTTPXClient, receiver: Receiver, tmp_path: Path, payment_id: str
) -> None:
    sandbox = SandboxProcess(tmp_path, receiver.url, STRIPE_WEBHOOK_EVENTS="payment_intent.succeeded,refund.created")
    await sandbox.start()
    client = StripeClient(API_KEY, base_addresses={"api": sandbox.url}, http_client=http_client)
    try:
        await client.v1.payment_intents.create_async(payment(payment_id))
        listed = await client.v1.events.list_async()
        await sandbox.until_delivered()
    finally:
        await sandbox.close()
    assert {event.type for event in listed.data} == OF_A_PAYMENT
    assert [event.type for event in of(receiver.received, payment_id)] == ["payment_intent.succeeded"]


async def test_events_can_be_looked_up(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    await sandbox.until_delivered()
    listed = await client.v1.events.list_async({"type": "payment_intent.succeeded", "limit": 1})
    event = listed.data[0]
    subject: Any = event.data.object
    assert (event.type, subject["id"]) == ("payment_intent.succeeded", intent.id)
    assert (await client.v1.events.retrieve_async(event.id)).pending_webhooks == 0


async def test_refused_deliveries_are_repeated_until_taken(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    receiver.refusals[payment_id] = [500, 404, 302, 503]
    await client.v1.payment_intents.create_async(payment(payment_id))
    received = await receiver.until(lambda events: len(of(events, payment_id)) == len(OF_A_PAYMENT) + 4)
    assert {event.type for event in of(received, payment_id)} == OF_A_PAYMENT
    await sandbox.until_delivered()
    assert len(of(receiver.received, payment_id)) == len(OF_A_PAYMENT) + 4


async def test_stopped_deliveries_wait(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    await sandbox.control(webhooks_stopped=True)
    await client.v1.payment_intents.create_async(payment(payment_id))
    assert (await sandbox.counts(payment_id))["pending_webhooks"] >= len(OF_A_PAYMENT)
    assert of(receiver.received, payment_id) == []
    await sandbox.control(webhooks_stopped=False)
    await receiver.of(payment_id, *OF_A_PAYMENT)


async def test_deliveries_wait_through_a_kill(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    await sandbox.control(webhooks_stopped=True)
    await client.v1.payment_intents.create_async(payment(payment_id))
    await sandbox.kill()
    assert of(receiver.received, payment_id) == []
    await sandbox.start()
    await receiver.of(payment_id, *OF_A_PAYMENT)


async def test_every_event_twice(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    await sandbox.control(webhooks_duplicated=True)
    await client.v1.payment_intents.create_async(payment(payment_id))
    received = of(await receiver.until(lambda events: len(of(events, payment_id)) == 2 * len(OF_A_PAYMENT)), payment_id)
    ids = [event.id for event in received]
    assert all(ids.count(id_) == 2 for id_ in ids)


async def test_shuffled_and_delayed_events_all_arrive(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    await sandbox.control(webhooks_shuffled=True, webhooks_delay_seconds=0.2)
    await client.v1.payment_intents.create_async(payment(payment_id))
    await receiver.of(payment_id, *OF_A_PAYMENT)
    await sandbox.until_delivered()
    assert len(of(receiver.received, payment_id)) == len(OF_A_PAYMENT)


async def test_shuffling_changes_the_order(client: StripeClient, sandbox: SandboxProcess, receiver: Receiver) -> None:
    """Of 12 payments' events, some arrive before one that happened earlier: by chance alone, once in 10²⁰ runs not."""
    await sandbox.control(webhooks_shuffled=True)
    ids = {(await client.v1.payment_intents.create_async(payment(f"shuffled-{number}"))).id for number in range(12)}
    await sandbox.until_delivered()
    arrived = [event.object["id"] for event in receiver.received if event.type == "payment_intent.succeeded"]
    happened = await client.v1.events.list_async({"type": "payment_intent.succeeded", "limit": 12})
    in_order = [event.data.object["id"] for event in reversed(happened.data)]
    assert set(in_order) == ids
    assert [id_ for id_ in arrived if id_ in ids] != in_order


async def test_an_event_is_sent_again_on_request(
    client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str
) -> None:
    await client.v1.payment_intents.create_async(payment(payment_id))
    event = (await receiver.of(payment_id, *OF_A_PAYMENT))["payment_intent.succeeded"]
    await sandbox.ask("POST", f"events/{event.id}/resend")
    received = await receiver.until(lambda events: [each.id for each in events].count(event.id) == 2)
    assert [each.body for each in received if each.id == event.id] == [event.body, event.body]
