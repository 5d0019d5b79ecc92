"""Bad requests: Stripe's error, the parameter's name, and nothing changed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.conftest import WatchedHttpClient
from tests.integration.stripe_sandbox.openapi import OpenApi
from tests.integration.stripe_sandbox.requests import payment
from tests.integration.stripe_sandbox.sandbox_process import API_KEY, SandboxProcess


@pytest.fixture
async def http(sandbox: SandboxProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client, for what stripe-python would never send."""
    async with httpx.AsyncClient(base_url=sandbox.url) as client:
        yield client


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 1_000_000_000_000}, "amount_too_large", "amount"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount"),
        ({"amount": 1_255, "currency": "kwd"}, None, "amount"),
        ({"amount": 550, "currency": "isk"}, None, "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"payment_method": "pm_card_unheard_of"}, "resource_missing", "payment_method"),
        ({"customer": "cus_unknown"}, "resource_missing", "customer"),
        ({"return_url": "nowhere"}, "url_invalid", "return_url"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"capture_method": "manual"}, None, "capture_method"),
        ({"confirmation_method": "manual"}, None, "confirmation_method"),
        ({"payment_method_types": ["sepa_debit"]}, None, "payment_method_types"),
        ({"payment_method_types": None, "return_url": None}, None, "return_url"),
        ({"automatic_payment_methods": {"enabled": True}}, None, "payment_method_types"),
        (
            {"payment_method_types": None, "automatic_payment_methods": {"allow_redirects": "never"}},
            "parameter_missing",
            "automatic_payment_methods[enabled]",
        ),
        ({"confirm": False}, None, "return_url"),
        ({"expand": ["latest_charge.review"]}, None, "expand"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"payment_method": None}, "payment_intent_unexpected_state", None),
    ],
)
async def test_a_payment_that_cannot_be(
    client: StripeClient,
    sandbox: SandboxProcess,
    payment_id: str,
    changes: dict[str, Any],
    code: str | None,
    param: str | None,
) -> None:
    request = payment(payment_id) | changes
    if "metadata" in changes:
        request["metadata"] = changes["metadata"] | {"payment_id": payment_id}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.create_async(request)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    counts = await sandbox.counts(payment_id)
    assert (counts["payment_intents"], counts["charges"]) == ({"total": 0}, {"total": 0})


async def test_without_redirects_no_return_url_is_needed(client: StripeClient, payment_id: str) -> None:
    request = payment(payment_id, automatic_payment_methods={"enabled": True, "allow_redirects": "never"})
    del request["return_url"], request["payment_method_types"]
    intent = await client.v1.payment_intents.create_async(request)
    assert intent.status == "succeeded"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({}, None),
        ({"payment_intent": "pi_unknown"}, "payment_intent"),
        ({"charge": "ch_unknown"}, "charge"),
        ({"charge": "ch_1", "payment_intent": "pi_1"}, "charge"),
        ({"charge": "ch_1", "amount": 0}, "amount"),
        ({"charge": "ch_1", "reason": "because"}, "reason"),
    ],
)
async def test_a_refund_that_cannot_be(client: StripeClient, changes: Any, param: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.refunds.create_async(changes)
    assert (caught.value.http_status, caught.value.param) == (400, param)


async def test_what_is_not_there_is_404(client: StripeClient) -> None:
    reads = {
        "intent": client.v1.payment_intents.retrieve_async("pi_unknown"),
        "id": client.v1.charges.retrieve_async("ch_unknown"),
    }
    for param, read in reads.items():
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await read
        assert (caught.value.http_status, caught.value.code, caught.value.param) == (404, "resource_missing", param)
    with pytest.raises(stripe.InvalidRequestError) as confirming:
        await client.v1.payment_intents.confirm_async("pi_unknown")
    assert confirming.value.http_status == 404


async def test_an_id_of_another_kind_is_not_there(client: StripeClient, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.charges.retrieve_async(intent.id)


async def test_another_key_opens_nothing(
    sandbox: SandboxProcess, http_client: WatchedHttpClient, payment_id: str
) -> None:
    stranger = stripe.StripeClient(
        "sk_test_somebody_elses", base_addresses={"api": sandbox.url}, http_client=http_client, max_network_retries=0
    )
    with pytest.raises(stripe.AuthenticationError) as caught:
        await stranger.v1.payment_intents.create_async(payment(payment_id))
    assert caught.value.http_status == 401
    assert "somebody" not in str(caught.value)
    assert caught.value.request_id is not None
    assert (await sandbox.counts(payment_id))["payment_intents"] == {"total": 0}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic ???"},
        {"Authorization": API_KEY},
    ],
)
@pytest.mark.parametrize("path", ["/v1/payment_intents", "/_sandbox/controls", "/v1/nothing"])
async def test_nothing_without_a_key(http: httpx.AsyncClient, headers: dict[str, str], path: str) -> None:
    response = await http.get(path, headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.headers["Request-Id"].startswith("req_")


async def test_the_key_may_come_as_a_user_name(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/payment_intents", auth=(API_KEY, ""))).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/subscriptions"), ("DELETE", "/v1/payment_intents"), ("PUT", "/v1/refunds")]
)
async def test_what_is_not_offered_is_an_error(http: httpx.AsyncClient, method: str, path: str) -> None:
    response = await http.request(method, path, auth=(API_KEY, ""))
    assert response.status_code == 404
    assert f"{method}: {path}" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (b'{"amount": 1}', "application/json"),
        (b"amount=1&amount[a]=2", "application/x-www-form-urlencoded"),
        (b"amount=\xff", "application/x-www-form-urlencoded"),
        (b"a[b=1", "application/x-www-form-urlencoded"),
        (b"a=1&" * 1_001, "application/x-www-form-urlencoded"),
        (b"description=" + b"a" * 2_000_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_bodies_that_are_no_form(http: httpx.AsyncClient, openapi: OpenApi, content: bytes, type_: str) -> None:
    response = await http.post(
        "/v1/payment_intents", content=content, headers={"Content-Type": type_}, auth=(API_KEY, "")
    )
    assert response.status_code in (400, 413)
    openapi.check_answer("POST", "/v1/payment_intents", response.status_code, response.json())


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("PATCH", "controls", {"colour": "red"}),
        ("PATCH", "controls", {"latency_seconds": -1}),
        ("PATCH", "controls", [1]),
        ("POST", "faults", {"kind": "explode"}),
        ("POST", "events/evt_unknown/resend", None),
        ("GET", "counts", None),
    ],
)
async def test_controls_refuse_what_they_do_not_know(
    sandbox: SandboxProcess, http: httpx.AsyncClient, method: str, path: str, json: Any
) -> None:
    before = await sandbox.ask("GET", "controls")
    response = await http.request(method, f"/_sandbox/{path}", json=json, auth=(API_KEY, ""))
    assert response.status_code in (400, 404)
    assert await sandbox.ask("GET", "controls") == before


async def test_secrets_stay_out_of_the_log(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(
        payment(payment_id, "pm_card_authenticationRequired", description="for Ada Lovelace")
    )
    action: Any = intent.next_action
    async with httpx.AsyncClient() as browser:
        await browser.post(action.redirect_to_url.url, data={"outcome": "approve"})
    log = sandbox.log()
    assert "/v1/payment_intents" in log
    secret = str(intent.client_secret)
    challenge = action.redirect_to_url.url.rpartition("/")[2]
    for word in (API_KEY, secret, challenge, "whsec_", "Ada Lovelace"):
        assert word not in log
