"""Lists, search, expansion: what is read is complete and in order."""

import asyncio
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.requests import by_key, payment
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess


async def test_search_by_metadata_and_status(client: StripeClient, payment_id: str) -> None:
    paid = await client.v1.payment_intents.create_async(payment(payment_id))
    with pytest.raises(stripe.CardError):
        await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_visa_chargeDeclined"))
    query = f"metadata['payment_id']:'{payment_id}'"
    everything = await client.v1.payment_intents.search_async({"query": query})
    assert len(everything.data) == 2
    assert everything.data[1].id == paid.id
    succeeded = await client.v1.payment_intents.search_async(
        {"query": f"{query} AND status:'succeeded'", "expand": ["data.latest_charge"]}
    )
    assert [intent.id for intent in succeeded.data] == [paid.id]
    assert isinstance(succeeded.data[0].latest_charge, stripe.Charge)
    nothing = await client.v1.payment_intents.search_async({"query": "metadata['payment_id']:'unheard-of'"})
    assert nothing.data == []


async def test_search_finds_a_new_intent_only_after_its_lag(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    made = await client.v1.payment_intents.create_async(payment(payment_id))
    query = f"metadata['payment_id']:'{payment_id}'"
    await sandbox.control(search_lag_seconds=3600)
    assert (await client.v1.payment_intents.search_async({"query": query})).data == []
    assert (await client.v1.payment_intents.retrieve_async(made.id)).id == made.id
    await sandbox.control(search_lag_seconds=0)
    assert [intent.id for intent in (await client.v1.payment_intents.search_async({"query": query})).data] == [made.id]


async def test_search_page_by_page(client: StripeClient, payment_id: str) -> None:
    made = [(await client.v1.payment_intents.create_async(payment(payment_id))).id for _ in range(5)]
    query = f"metadata['payment_id']:'{payment_id}'"
    pages = await client.v1.payment_intents.search_async({"query": query, "limit": 2})
    assert [intent.id async for intent in pages.auto_paging_iter()] == made[::-1]


async def test_a_query_that_cannot_be_read(client: StripeClient) -> None:
    for query in ("payment_id is 7", "status:'succeeded'"):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.payment_intents.search_async({"query": query})
        assert caught.value.param == "query"


async def test_lists_page_by_page(client: StripeClient) -> None:
    customer = (await client.v1.customers.create_async({"name": "Grace"})).id
    request: Any = payment("listed", customer=customer)
    made = [(await client.v1.payment_intents.create_async(request)).id for _ in range(5)]
    pages = await client.v1.payment_intents.list_async({"customer": customer, "limit": 2})
    assert pages.has_more
    assert [intent.id async for intent in pages.auto_paging_iter()] == made[::-1]
    charges = await client.v1.charges.list_async({"customer": customer, "limit": 100})
    assert [charge.payment_intent for charge in charges.data] == made[::-1]
    of_one = await client.v1.charges.list_async({"payment_intent": made[0]})
    assert len(of_one.data) == 1


async def test_lists_refuse_bad_cursors_and_limits(client: StripeClient) -> None:
    bad: list[tuple[Any, str]] = [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"starting_after": "pi_unknown"}, "starting_after"),
        ({"starting_after": "a", "ending_before": "b"}, "ending_before"),
    ]
    for params, param in bad:
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.payment_intents.list_async(params)
        assert caught.value.param == param


async def test_payment_methods_are_shown(client: StripeClient, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, "pm_card_mastercard"))
    method: Any = await client.v1.payment_methods.retrieve_async(str(intent.payment_method))
    assert (method.id, method.card.brand) == (intent.payment_method, "mastercard")
    token: Any = await client.v1.payment_methods.retrieve_async("pm_card_visa")
    assert token.card.last4 == "4242"


async def test_reads_go_on_while_a_write_takes_its_time(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    await sandbox.control(latency_seconds=60)
    writing = asyncio.create_task(client.v1.payment_intents.create_async(payment(payment_id), by_key(payment_id)))
    await sandbox.until_under_way()
    await client.v1.payment_intents.list_async({"limit": 1})
    assert not writing.done()
    await sandbox.kill()
    with pytest.raises(stripe.APIConnectionError):
        await writing
    await sandbox.start()


async def test_expansion_goes_four_levels_deep(client: StripeClient, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    path = "latest_charge.payment_intent.latest_charge.balance_transaction"
    found: Any = await client.v1.payment_intents.retrieve_async(intent.id, {"expand": [path, "payment_method"]})
    assert found.latest_charge.payment_intent.latest_charge.balance_transaction.fee == 204
    assert found.payment_method.card.last4 == "4242"
    for bad in (f"latest_charge.payment_intent.{path}", "latest_charge.fee", "status", "data.latest_charge"):
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.payment_intents.retrieve_async(intent.id, {"expand": [bad]})
