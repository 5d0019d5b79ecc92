"""3-D Secure: the challenge as a person goes through it, and the ways around it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe
from stripe import StripeClient

from tests.integration.stripe_sandbox.receiver import Receiver
from tests.integration.stripe_sandbox.requests import RETURN_URL, payment
from tests.integration.stripe_sandbox.sandbox_process import SandboxProcess

AUTHENTICATE = "pm_card_authenticationRequired"


async def answer(url: str, outcome: str) -> httpx.Response:
    """What a browser does with the page: looks at it, presses a button; it is not sent on."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
        assert page.status_code == 200
        assert f'value="{outcome}"' in page.text
        return await browser.post(url, data={"outcome": outcome})


def returned_to(response: httpx.Response) -> dict[str, str]:
    """The parameters that the shop gets; asserts that the customer comes back to the shop's return URL."""
    assert response.status_code == 303
    address = urlsplit(response.headers["location"])
    wanted = urlsplit(RETURN_URL)
    assert (address.netloc, address.path) == (wanted.netloc, wanted.path)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert query.pop("cart") == "7"
    return query


async def test_approved(client: StripeClient, receiver: Receiver, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE))
    assert (intent.status, intent.latest_charge) == ("requires_action", None)
    action: Any = intent.next_action
    assert (action.type, action.redirect_to_url.return_url) == ("redirect_to_url", RETURN_URL)

    returned = returned_to(await answer(action.redirect_to_url.url, "approve"))
    assert returned == {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": "succeeded",
    }
    paid = await client.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    charge: Any = paid.latest_charge
    assert (paid.status, paid.next_action) == ("succeeded", None)
    assert charge.payment_method_details.card.three_d_secure.result == "authenticated"
    await receiver.of(payment_id, "payment_intent.requires_action", "charge.succeeded", "payment_intent.succeeded")


async def test_failed(client: StripeClient, sandbox: SandboxProcess, receiver: Receiver, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE))
    action: Any = intent.next_action
    returned = returned_to(await answer(action.redirect_to_url.url, "fail"))
    assert returned["redirect_status"] == "failed"
    failed = await client.v1.payment_intents.retrieve_async(intent.id)
    error: Any = failed.last_payment_error
    assert (failed.status, error.code) == ("requires_payment_method", "payment_intent_authentication_failure")
    counts = await sandbox.counts(payment_id)
    assert counts["charges"] == {"total": 0}
    events = await receiver.of(payment_id, "payment_intent.payment_failed")
    assert "payment_intent.succeeded" not in events


async def test_approved_and_then_declined(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(
        payment(payment_id, "pm_card_threeDSecureRequiredChargeDeclined")
    )
    action: Any = intent.next_action
    returned = returned_to(await answer(action.redirect_to_url.url, "approve"))
    assert returned["redirect_status"] == "failed"
    found = await client.v1.payment_intents.retrieve_async(intent.id)
    error: Any = found.last_payment_error
    assert (found.status, error.code) == ("requires_payment_method", "card_declined")
    assert (await sandbox.counts(payment_id))["amount_captured"] == 0


async def test_a_challenge_is_answered_once(client: StripeClient, sandbox: SandboxProcess, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE))
    action: Any = intent.next_action
    url = action.redirect_to_url.url
    await answer(url, "approve")
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
        assert "<form" not in page.text
        again = await browser.post(url, data={"outcome": "fail"})
    assert returned_to(again)["redirect_status"] == "succeeded"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "succeeded": 1}


async def test_a_cancelled_intent_is_not_paid_by_a_late_approval(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE))
    action: Any = intent.next_action
    await client.v1.payment_intents.cancel_async(intent.id)
    async with httpx.AsyncClient() as browser:
        late = await browser.post(action.redirect_to_url.url, data={"outcome": "approve"})
    assert returned_to(late)["redirect_status"] == "failed"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "canceled"
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 0}


async def test_confirming_again_makes_the_old_challenge_void(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE))
    action: Any = intent.next_action
    again = await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"
    async with httpx.AsyncClient() as browser:
        await browser.post(action.redirect_to_url.url, data={"outcome": "approve"})
    assert (await sandbox.counts(payment_id))["charges"] == {"total": 1, "succeeded": 1}


@pytest.mark.parametrize("method", ["get", "post"])
async def test_nobody_guesses_a_challenge(sandbox: SandboxProcess, method: str) -> None:
    async with httpx.AsyncClient() as browser:
        arguments: dict[str, Any] = {"data": {"outcome": "approve"}} if method == "post" else {}
        response = await browser.request(method, f"{sandbox.url}/challenge/{'0' * 24}", **arguments)
    assert response.status_code == 404


async def test_an_unknown_outcome_changes_nothing(client: StripeClient, payment_id: str) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE))
    action: Any = intent.next_action
    async with httpx.AsyncClient() as browser:
        response = await browser.post(action.redirect_to_url.url, data={"outcome": "perhaps"})
    assert response.status_code == 400
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "requires_action"


async def test_without_a_return_url_the_client_sdk_acts(client: StripeClient, payment_id: str) -> None:
    request = payment(payment_id, AUTHENTICATE)
    del request["return_url"]
    intent = await client.v1.payment_intents.create_async(request)
    action: Any = intent.next_action
    assert (intent.status, action.type) == ("requires_action", "use_stripe_sdk")
    response = await answer(action.use_stripe_sdk["stripe_js"], "approve")
    assert response.status_code == 200
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


@pytest.mark.parametrize("absence", [{"off_session": True}, {"error_on_requires_action": True}])
async def test_an_absent_customer_cannot_authenticate(
    client: StripeClient, sandbox: SandboxProcess, payment_id: str, absence: dict[str, bool]
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await client.v1.payment_intents.create_async(payment(payment_id, AUTHENTICATE, **absence))
    error: Any = caught.value.error
    assert (error.code, error.payment_intent.status) == ("authentication_required", "requires_payment_method")
    assert (await sandbox.counts(payment_id))["amount_captured"] == 0


async def test_a_card_that_was_set_up_pays_while_its_owner_is_away(client: StripeClient, payment_id: str) -> None:
    method = "pm_card_authenticationRequiredSetupForOffSession"
    intent = await client.v1.payment_intents.create_async(payment(payment_id, method, off_session=True))
    assert intent.status == "succeeded"
