"""Requests as the payment service makes them."""

from typing import Any

import stripe

RETURN_URL = "http://127.0.0.1:3000/checkout/done?cart=7"


def payment(payment_id: str, method: str = "pm_card_visa", **changes: Any) -> Any:
    """A PaymentIntent that is created and confirmed in one go, with its fee known at once."""
    return {
        "amount": 5_998,
        "currency": "usd",
        "payment_method": method,
        "payment_method_types": ["card"],
        "confirm": True,
        "capture_method": "automatic",
        "return_url": RETURN_URL,
        "metadata": {"order_id": f"order-of-{payment_id}", "payment_id": payment_id},
        "expand": ["latest_charge.balance_transaction"],
        **changes,
    }


def by_key(key: str) -> Any:
    """Options with an idempotency key."""
    return {"idempotency_key": key}


def was_replayed(answer: stripe.StripeObject) -> bool:
    """Whether it is an earlier request's answer."""
    response = answer.last_response
    assert response is not None
    return response.headers.get("Idempotent-Replayed") == "true"


def is_in_use(error: stripe.APIError) -> bool:
    """Whether the key's first request is still under way; stripe-python has no error of its own for that."""
    return error.http_status == 409 and error.error is not None and error.error.code == "idempotency_key_in_use"
