"""Registers an account through the edge and prints EMAIL PASSWORD TOKEN: `python -m load.session [ORDERS FILE]`.

With ORDERS it also places that many orders; FILE then has a payment request for each, in ghz's format.
"""

import json
import sys
import uuid
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Account:
    """A customer's account, signed in."""

    user_id: str
    email: str
    password: str
    token: str


def main() -> None:
    """Print `EMAIL PASSWORD TOKEN`."""
    stack = Stack.from_environment()
    account = register(stack)
    if len(sys.argv) > 1:
        headers = {"Authorization": f"Bearer {account.token}"}
        with httpx.Client(timeout=30, trust_env=False, headers=headers) as http:
            orders = [_place(http, stack.url("edge", API)) for _ in range(int(sys.argv[1]))]
        Path(sys.argv[2]).write_text(json.dumps([_payment(order) for order in orders]))
    print(account.email, account.password, account.token)


def register(stack: Stack) -> Account:
    """Register a new account through the edge. Raises httpx.HTTPError."""
    email, password = f"load.{uuid.uuid4().hex}@example.com", uuid.uuid4().hex
    person = {"email": email, "password": password, "firstName": "Load", "lastName": "Test"}
    url = stack.url("edge", f"{API}/users/register")
    answer = httpx.post(url, json=person, timeout=30, trust_env=False).raise_for_status().json()
    return Account(answer["user"]["id"], email, password, answer["token"])


def _place(http: httpx.Client, api: str) -> str:
    """Place an order and return its id."""
    return str(http.post(f"{api}/orders", json=ORDER).raise_for_status().json()["id"])


def _payment(order: str) -> dict[str, object]:
    return {"order_id": order, "amount": _PRICE, "currency": "USD", "payment_method_id": "pm_card_visa"}


if __name__ == "__main__":
    main()
