"""Signatures as stripe-python checks them, and a backoff that neither stops nor runs away."""

import time

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_sandbox.webhooks import retry_delay, signature

SECRET = "whsec_test"


def test_stripe_python_accepts_the_signature() -> None:
    payload = '{"id": "evt_1", "object": "event", "name": "Zoë"}'
    header = signature(payload.encode(), SECRET, int(time.time()))
    assert stripe.WebhookSignature.verify_header(payload, header, SECRET, tolerance=300)


@pytest.mark.parametrize(("payload", "secret"), [(b"{ }", SECRET), (b"{}", "whsec_other")])
def test_stripe_python_refuses_another_payload_or_secret(payload: bytes, secret: str) -> None:
    header = signature(payload, secret, int(time.time()))
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header("{}", header, SECRET, tolerance=300)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_delay_is_bounded(attempts: int, chance: float) -> None:
    assert 0.25 <= retry_delay(attempts, chance) <= 30


def test_the_delay_doubles() -> None:
    assert [retry_delay(attempts, 0) for attempts in range(4)] == [0.25, 0.5, 1.0, 2.0]
