"""Registers an account through the edge and prints EMAIL PASSWORD TOKEN: `python -m load.session [ORDERS FILE]`.

With ORDERS it also places that many orders; FILE then has a payment request for each, in ghz's format.
"""

import json
import sys
import uuid
from pathlib import Path

import httpx

from local.stack import Stack

API = "/api/v1"
_PRICE = 29.99
ORDER = {
    "items": [{"productId": "prod-123", "quantity": 1, "price": _PRICE}],
    "shippingAddress": {
        "street": "123 Test St",
        "city": "Test City",
        "state": "TS",
        "zipCode": "12345",
        "country": "US",
    },
}
"""The body that places an order."""


def main() -> None:
    """Print `EMAIL PASSWORD TOKEN`."""
    stack, email, password = Stack.from_environment(), f"load.{uuid.uuid4().hex}@example.com", uuid.uuid4().hex
    token = register(stack, email, password)
    if len(sys.argv) > 1:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(timeout=30, trust_env=False, headers=headers) as http:
            orders = [_place(http, stack.url("edge", API)) for _ in range(int(sys.argv[1]))]
        Path(sys.argv[2]).write_text(json.dumps([_payment(order) for order in orders]))
    print(email, password, token)


def register(stack: Stack, email: str, password: str) -> str:
    """Register an account through the edge; returns its access token. Raises httpx.HTTPError."""
    person = {"email": email, "password": password, "firstName": "Load", "lastName": "Test"}
    url = stack.url("edge", f"{API}/users/register")
    return str(httpx.post(url, json=person, timeout=30, trust_env=False).raise_for_status().json()["token"])


def _place(http: httpx.Client, api: str) -> str:
    """Place an order and return its id."""
    return str(http.post(f"{api}/orders", json=ORDER).raise_for_status().json()["id"])


def _payment(order: str) -> dict[str, object]:
    return {"order_id": order, "amount": _PRICE, "currency": "USD", "payment_method_id": "pm_card_visa"}


if __name__ == "__main__":
    main()
