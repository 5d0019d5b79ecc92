"""Customers who behave as they should: they repeat a request with its Idempotency-Key until there is an answer."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.demo.shop import Shop
from local.stack import Stack
from playground.acts.acting import ActFailed, Note
from playground.orders import Orders
from services.chassis.plain import trace_context

Json = dict[str, Any]

CARDS = {
    "pm_card_visa": "a card that works",
    "pm_card_mastercard": "another card that works",
    "pm_card_visa_chargeDeclined": "a card that is declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "a card without enough money",
    "pm_card_authenticationRequired": "a card that asks for 3-D Secure",
}
PRODUCT = "prod-123"
ENDED = frozenset({"confirmed", "cancelled", "shipped", "delivered"})
_AGAIN = frozenset({409, 429, 502, 503, 504})
_ABORTED = 10
_ADDRESS = {"street": "123 Test St", "city": "Test City", "state": "TS", "zipCode": "12345", "country": "US"}
_CALL_SECONDS = 40.0
_PATIENCE_SECONDS = 150.0
_PAUSE_SECONDS = 1.0
_POLL_SECONDS = 0.5
_REMEMBERED = 500


@dataclass
class Purchases:
    """The orders that this page has placed since it started, oldest first, with the address of their customer."""

    placed: dict[str, str] = field(default_factory=dict)

    def add(self, order_id: str, email: str) -> None:
        """Remember an order; only the last few hundred are kept."""
        self.placed[order_id] = email
        while len(self.placed) > _REMEMBERED:
            del self.placed[next(iter(self.placed))]


class Customer:
    """One customer with an account of their own."""

    def __init__(self, http: httpx.AsyncClient, note: Note) -> None:
        """`http` has the API's address as its base."""
        self._http = http
        self._note = note
        self._token = ""
        self.email = f"ada.{uuid.uuid4().hex[:8]}@example.com"

    async def register(self) -> None:
        """Create the account and sign in."""
        person = {"email": self.email, "password": uuid.uuid4().hex, "firstName": "Ada", "lastName": "Byron"}
        self._token = (await self._insist("POST", "/users/register", person, 201))["token"]

    async def order(self, product: str, quantity: int) -> Json | None:
        """Place an order at the present price. None: sold out."""
        body = {"items": [{"productId": product, "quantity": quantity}], "shippingAddress": _ADDRESS}
        answer = await self.send("POST", "/orders", body)
        if answer.status_code == httpx.codes.CREATED:
            placed: Json = answer.json()
            return placed
        if "INSUFFICIENT_STOCK" in answer.text or "OUT_OF_STOCK" in answer.text:
            return None
        raise ActFailed(f"the order is refused: {said_by(answer)}")

    async def pay(self, order_id: str, card: str) -> Json:
        """Pay an order; the answer names the payment's status."""
        return await self._insist("POST", "/payments", {"orderId": order_id, "paymentMethodId": card}, 201)

    async def confirm(self, payment_id: str) -> Json:
        """Come back from the bank's page."""
        return await self._insist("POST", f"/payments/{payment_id}:confirm", {}, 200)

    async def status(self, order_id: str) -> str:
        """The order's status; empty while nobody answers."""
        try:
            answer = await self._http.get(f"/orders/{order_id}", headers=self._headers(""))
        except httpx.TransportError:
            return ""
        return str(answer.json()["status"]) if answer.status_code == httpx.codes.OK else ""

    async def ended(self, order_id: str, seconds: float) -> str:
        """Wait for an order to be confirmed or cancelled; the last status that was seen when time is over."""
        give_up = time.monotonic() + seconds
        seen = ""
        while seen not in ENDED and time.monotonic() < give_up:
            await asyncio.sleep(_POLL_SECONDS)
            seen = await self.status(order_id) or seen
        return seen

    async def send(self, method: str, path: str, body: Json) -> httpx.Response:
        """Send with one Idempotency-Key until somebody answers. Raises ActFailed when nobody does in time."""
        headers = self._headers(uuid.uuid4().hex)
        give_up = time.monotonic() + _PATIENCE_SECONDS
        noted = False
        while True:
            answer = await self._try(method, path, body, headers)
            if answer is not None and not _to_repeat(answer):
                return answer
            if time.monotonic() > give_up:
                raise ActFailed(f"{method} {path}: no answer within {_PATIENCE_SECONDS:.0f} s")
            if not noted:
                noted = True
                why = "no answer" if answer is None else f"{answer.status_code}"
                self._note(f"{method} {path}: {why}. The customer tries again with the same Idempotency-Key")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _try(self, method: str, path: str, body: Json, headers: dict[str, str]) -> httpx.Response | None:
        try:
            return await self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            return None

    async def _insist(self, method: str, path: str, body: Json, expected: int) -> Json:
        answer = await self.send(method, path, body)
        if answer.status_code != expected:
            raise ActFailed(f"{method} {path}: {said_by(answer)}")
        found: Json = answer.json()
        return found

    def _headers(self, key: str) -> dict[str, str]:
        headers = {trace_context.HEADER: trace_context.new()}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return {**headers, "Idempotency-Key": key} if key else headers


def _to_repeat(answer: httpx.Response) -> bool:
    if answer.status_code == httpx.codes.CONFLICT:
        return bool(answer.json().get("code") == _ABORTED)
    return answer.status_code in _AGAIN


def said_by(answer: httpx.Response) -> str:
    """The status and the message of an error."""
    try:
        return f"{answer.status_code} {answer.json()['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code}"


def api(stack: Stack, connections: int = 20) -> httpx.AsyncClient:
    """A client of the API at the edge."""
    limits = httpx.Limits(max_connections=connections)
    base = stack.url("edge", "/api/v1")
    return httpx.AsyncClient(base_url=base, timeout=_CALL_SECONDS, trust_env=False, limits=limits)


async def approve_challenge(stack: Stack, payment: Json) -> None:
    """Approve at the bank's page, as the customer's browser does."""

    def approve() -> None:
        with Shop(stack) as shop:
            shop.approve_challenge(payment)

    await asyncio.to_thread(approve)


class Buyers:
    """Makes purchases on the stack, and notes them for the story and for the counts."""

    def __init__(self, stack: Stack, orders: Orders, purchases: Purchases) -> None:
        self.stack = stack
        self.orders = orders
        self.purchases = purchases

    async def place(self, customer: Customer, note: Note, product: str = PRODUCT) -> Json:
        """Register and place an order, whose story is shown from now on."""
        await customer.register()
        order = await customer.order(product, 1)
        if order is None:
            raise ActFailed(f"{product} is sold out")
        self.purchases.add(order["id"], customer.email)
        self.orders.choose(order["id"], pin=True)
        note(f"order {order['id']} is placed: {order['totalAmount']} {order['currency']}, the stock is held")
        return order

    async def pay(self, customer: Customer, order: Json, card: str, note: Note) -> Json:
        """Pay, through the bank's page if it must be."""
        payment = await customer.pay(order["id"], card)
        reason = f" ({payment['declineCode']})" if payment.get("declineCode") else ""
        note(f"the payment is {payment['status']}{reason}")
        if payment["status"] == "requires_action":
            await approve_challenge(self.stack, payment)
            note("the customer approves on the bank's page")
            payment = await customer.confirm(payment["paymentId"])
            note(f"the payment is {payment['status']}")
        return payment
