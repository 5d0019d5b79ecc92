"""Registers an account through the edge and prints EMAIL PASSWORD TOKEN: `python -m load.session [ORDERS FILE]`.

With ORDERS it also places that many orders; FILE then has a payment request for each, in ghz's format.
"""

import json
import sys
import uuid
from pathlib import Path

import httpx

from local.stack import Stack

_PRICE = 29.99
_ORDER = {
    "items": [{"productId": "prod-123", "quantity": 1, "price": _PRICE}],
    "shippingAddress": {
        "street": "123 Test St",
        "city": "Test City",
        "state": "TS",
        "zipCode": "12345",
        "country": "US",
    },
}


def main() -> None:
    """Print `EMAIL PASSWORD TOKEN`."""
    email, password = f"load.{uuid.uuid4().hex}@example.com", uuid.uuid4().hex
    person = {"email": email, "password": password, "firstName": "Load", "lastName": "Test"}
    api = Stack.from_environment().url("edge", "/api/v1")
    with httpx.Client(timeout=30, trust_env=False) as http:
        token = http.post(f"{api}/users/register", json=person).raise_for_status().json()["token"]
        if len(sys.argv) > 1:
            http.headers["Authorization"] = f"Bearer {token}"
            orders = [_place(http, api) for _ in range(int(sys.argv[1]))]
            Path(sys.argv[2]).write_text(json.dumps([_payment(order) for order in orders]))
    print(email, password, token)


def _place(http: httpx.Client, api: str) -> str:
    """Place an order and return its id."""
    return str(http.post(f"{api}/orders", json=_ORDER).raise_for_status().json()["id"])


def _payment(order: str) -> dict[str, object]:
    return {"order_id": order, "amount": _PRICE, "currency": "USD", "payment_method_id": "pm_card_visa"}


if __name__ == "__main__":
    main()
