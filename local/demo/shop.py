"""A client of the shop as customers see it: JSON through the edge, their mailbox, and their bank's page."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

import httpx

from local import credentials
from local.demo.watch import Watch
from local.paths import ROOT
from local.stack import Stack
from services.chassis.plain import trace_context

_CALL_SECONDS = 30
_PATIENCE_SECONDS = 60
_POLL_SECONDS = 0.1

Json = dict[str, Any]


class ShopError(Exception):
    """The shop answered differently than expected."""


class Staff:
    """A signed-in member of staff."""

    def __init__(self, shop: "Shop", stack: Stack) -> None:
        self._shop = shop
        account = {"email": f"talos.{uuid.uuid4().hex[:8]}@example.com", "password": uuid.uuid4().hex}
        person = {**account, "firstName": "Talos", "lastName": "Kourtes"}
        registered = shop.as_somebody_else("POST", "/users/register", 201, person, shop.token)
        self.email = account["email"]
        self._grant(stack)
        signed_in = shop.as_somebody_else("POST", "/users/login", 200, account, registered["token"])
        self._token: str = signed_in["token"]

    def add_product(self, product_id: str, name: str, price: float) -> Json:
        """Create a product without stock, priced in USD."""
        body = {"id": product_id, "name": name, "description": "", "price": price, "currency": "USD"}
        return self._call("POST", "/products", 201, body)

    def restock(self, product_id: str, delta: int, reason: str) -> Json:
        """Add `delta` to a product's stock. Returns the stock move."""
        body = {"delta": delta, "reason": reason}
        return self._call("POST", f"/products/{product_id}/stock", 201, body)

    def last_moves(self, product_id: str, count: int) -> list[Json]:
        """The last stock moves of a product, newest first."""
        found: list[Json] = self._call("GET", f"/products/{product_id}/stock-moves?pageSize={count}", 200)["stockMoves"]
        return found

    def move(self, order: Json, status: str) -> Json:
        """Change the status of an order."""
        return self._call("PATCH", f"/orders/{order['id']}/status", 200, {"status": status})

    def refund(self, payment: Json, amount: float, reason: str) -> Json:
        """Refund a part of a payment."""
        return self._call(
            "POST", f"/payments/{payment['paymentId']}/refunds", 201, {"amount": amount, "reason": reason}
        )

    def payment(self, payment: Json) -> Json:
        """A payment with the fields that only staff see."""
        return self._call("GET", f"/payments/{payment['paymentId']}", 200)

    def _grant(self, stack: Stack) -> None:
        command = [sys.executable, "-m", "cli", "staff", "grant", self.email]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **stack.environment},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ShopError(f"argosy staff grant: {done.stderr.strip()}")

    def _call(self, method: str, path: str, expected: int, body: Json | None = None) -> Json:
        return self._shop.as_somebody_else(method, path, expected, body, self._token)


class Shop:
    """A customer with a browser."""

    def __init__(self, stack: Stack, door: httpx.Client | None = None) -> None:
        """`door`: a client of the API; default: the stack's edge."""
        self._stack = stack
        self._http = door or httpx.Client(base_url=stack.url("edge", "/api/v1"), timeout=_CALL_SECONDS, trust_env=False)
        self.token = ""
        """The customer's access token, once registered."""
        self._email = f"ada.{uuid.uuid4().hex[:8]}@example.com"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def register(self) -> Json:
        """Create an account. Later calls send its token."""
        person = {"email": self._email, "password": uuid.uuid4().hex, "firstName": "Ada", "lastName": "Byron"}
        answer = self._call("POST", "/users/register", 201, person)
        self.token = answer["token"]
        self._http.headers["Authorization"] = f"Bearer {self.token}"
        user: Json = answer["user"]
        return user

    def hire(self) -> "Staff":
        """Register another user, grant the role staff with the operator's command, and sign in."""
        return Staff(self, self._stack)

    def product(self, product_id: str) -> Json:
        """A product with its price and available stock."""
        return self._call("GET", f"/products/{product_id}", 200)

    def order(self, product_id: str, quantity: int, price: str) -> Json:
        """Place an order at the displayed price. It starts the trace of the purchase, as a shop's page may."""
        self._http.headers[trace_context.HEADER] = trace_context.new()
        return self._call(
            "POST",
            "/orders",
            201,
            {
                "items": [{"productId": product_id, "quantity": quantity, "price": float(price)}],
                "shippingAddress": {
                    "street": "123 Test St",
                    "city": "Test City",
                    "state": "TS",
                    "zipCode": "12345",
                    "country": "US",
                },
            },
        )

    def pay(self, order: Json, payment_method: str) -> Json:
        """Pay an order with one of Stripe's test cards."""
        return self._call("POST", "/payments", 201, {"orderId": order["id"], "paymentMethodId": payment_method})

    def confirm(self, payment: Json) -> Json:
        """Confirm a payment after its challenge."""
        return self._call("POST", f"/payments/{payment['paymentId']}:confirm", 200, {})

    def order_with_status(self, order: Json, status: str) -> Json:
        """Wait for an order's status and return the order. Raises ShopError on timeout."""
        return self._until(
            lambda: self._call("GET", f"/orders/{order['id']}", 200),
            lambda found: found["status"] == status,
            f"order {order['id']} does not become {status}",
        )

    def watch(self, order: Json, last: str, tell: Callable[[Json], None]) -> Watch:
        """Watch an order while the block runs. Calls `tell` with each state, up to the status `last`."""
        return Watch(self._http, order["id"], last, tell, _PATIENCE_SECONDS)

    def product_with_available(self, product_id: str, available: int) -> Json:
        """Wait until this many are available and return the product. Raises ShopError on timeout."""
        return self._until(
            lambda: self.product(product_id),
            lambda found: found["available"] == available,
            f"{product_id} does not come to {available} available",
        )

    def mail(self, subject: str, order: Json) -> Json:
        """Wait for the mail about an order. Raises ShopError on timeout."""

        def fitting(answer: Json) -> list[Json]:
            return [m for m in answer["messages"] if m["subject"] == subject and order["id"] in m["text"]]

        url = self._stack.url("mail-http", "/messages")
        answer = self._until(
            lambda: self._read(self._http.get(url, params={"to": self._email}), 200),
            lambda found: bool(fitting(found)),
            f"no mail {subject!r} about order {order['id']} comes",
        )
        return fitting(answer)[0]

    def approve_challenge(self, payment: Json) -> str:
        """Do what the browser does with the client secret: open the bank's page and approve. Returns its address."""
        intent_id = payment["clientSecret"].partition("_secret_")[0]
        key = credentials.read(self._stack.secrets).stripe_api_key
        intent = self._read(
            httpx.get(
                self._stack.url("stripe", f"/v1/payment_intents/{intent_id}"),
                headers={"Authorization": f"Bearer {key}"},
                timeout=_CALL_SECONDS,
                trust_env=False,
            ),
            200,
        )
        page: str = intent["next_action"]["redirect_to_url"]["url"]
        answer = httpx.post(page, data={"outcome": "approve"}, timeout=_CALL_SECONDS, trust_env=False)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise ShopError(f"the bank's page answers {answer.status_code}")
        return page

    def as_somebody_else(self, method: str, path: str, expected: int, body: Json | None, token: str) -> Json:
        """Call the API with another user's token."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._read(self._http.request(method, path, json=body, headers=headers), expected)

    def _call(self, method: str, path: str, expected: int, body: Json | None = None) -> Json:
        return self._read(self._http.request(method, path, json=body), expected)

    def _read(self, response: httpx.Response, expected: int) -> Json:
        if response.status_code != expected:
            raise ShopError(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
        answer: Json = response.json()
        return answer

    def _until(self, look: Callable[[], Json], good: Callable[[Json], bool], otherwise: str) -> Json:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while True:
            found = look()
            if good(found):
                return found
            if time.monotonic() > give_up:
                raise ShopError(f"{otherwise} within {_PATIENCE_SECONDS} s; last seen: {found}")
            time.sleep(_POLL_SECONDS)
