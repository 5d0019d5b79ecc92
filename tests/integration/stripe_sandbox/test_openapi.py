"""The checks themselves: a wrong answer and a wrong request are noticed."""

from typing import Any

import pytest
from stripe import StripeClient

from stripe_sandbox.render import API_VERSION
from tests.integration.stripe_sandbox.openapi import OpenApi, StripeMock
from tests.integration.stripe_sandbox.requests import payment

PATH = "/v1/payment_intents"


async def test_the_sandbox_speaks_the_version_of_the_specification(openapi: OpenApi) -> None:
    assert openapi.version == API_VERSION


@pytest.mark.parametrize(
    "changes",
    [{"status": "paid"}, {"amount": "5998"}, {"livemode": None}, {"colour": "red"}, {"latest_charge": {"id": "ch_1"}}],
)
async def test_a_wrong_answer_is_noticed(
    client: StripeClient, openapi: OpenApi, payment_id: str, changes: dict[str, Any]
) -> None:
    intent = await client.v1.payment_intents.create_async(payment(payment_id))
    body = intent.to_dict()
    openapi.check_answer("POST", PATH, 200, body)
    with pytest.raises(AssertionError):
        openapi.check_answer("POST", PATH, 200, body | changes)


@pytest.mark.parametrize("form", ["amount=1", "amount=ten&currency=usd", "amount=100&currency=usd&colour=red"])
async def test_a_wrong_request_is_noticed(stripe_mock: StripeMock, form: str) -> None:
    await stripe_mock.check_request("POST", PATH, "amount=100&currency=usd")
    with pytest.raises(AssertionError):
        await stripe_mock.check_request("POST", PATH, form)
