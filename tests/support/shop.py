"""The shop as its customers see it: JSON through the edge, their mailbox, and their bank's page."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tests.support.real_stack import RealStack
from tests.support.sandbox import Sandbox
from tests.support.staff import make_staff

PRODUCT = "prod-123"
PRICE = 29.99
ADDRESS = {"street": "123 Test St", "city": "Test City", "state": "TS", "zipCode": "12345", "country": "US"}

VISA = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclined"
INSUFFICIENT_FUNDS = "pm_card_visa_chargeDeclinedInsufficientFunds"
CHALLENGED = "pm_card_authenticationRequired"
CREDIT = "store_credit"
SLOW = "pm_sandbox_processing"
SLOW_AND_DECLINED = "pm_sandbox_processingDeclined"
CONNECTION_LOST = "pm_sandbox_dropAfterCharge"

PATIENCE_SECONDS = 180.0
"""How long anything may take that has to come in the end. Generous: the machine may be busy, and no test times it."""
_CALL_SECONDS = 70.0
_POLL_SECONDS = 0.1

_ABORTED = 10
_VERIFICATION = re.compile(r"/verify-email#token=([\w-]+)")

Json = dict[str, Any]
T = TypeVar("T")
Call = Callable[[], Awaitable[httpx.Response]]


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], object], what: str) -> T:
    """What `look` finds, once it is good. Fails with what was seen last when that does not come."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not good(found := await look()):
        assert time.monotonic() < give_up, f"{what}: not within {PATIENCE_SECONDS:.0f} s; last seen: {found}"
        await asyncio.sleep(_POLL_SECONDS)
    return found


@dataclass(frozen=True)
class Refusal:
    """An error as REST callers get it."""

    status: int
    code: int
    reason: str
    message: str
    fields: Mapping[str, str]
    """What is wrong with which field."""


def refusal(answer: httpx.Response) -> Refusal:
    """The error in an answer. Fails unless it has the one shape of all errors."""
    assert answer.is_error, f"not refused, but {answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == "application/json", answer.headers
    assert answer.status_code not in (429, 503) or int(answer.headers["retry-after"]) >= 1
    body = answer.json()
    assert set(body) == {"code", "message", "details"}, body
    assert isinstance(body["code"], int)
    assert body["message"]
    details = {detail["@type"].rpartition("/")[2]: detail for detail in body["details"]}
    info = details["google.rpc.ErrorInfo"]
    assert info["domain"] == "argosy"
    bad_request = details.get("google.rpc.BadRequest", {"fieldViolations": []})
    fields = {violation["field"]: violation["description"] for violation in bad_request["fieldViolations"]}
    assert all(fields.values()), fields
    return Refusal(answer.status_code, body["code"], info["reason"], body["message"], fields)


def answered(answer: httpx.Response, status: int) -> Json:
    """What was answered, with that status."""
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    found: Json = answer.json()
    return found


async def insist(call: Call, status: int) -> Json:
    """What was answered with that status, asked again for as long as the answer is to come again.

    What customers should do: with an Idempotency-Key, if it is a create.
    """
    return answered(await final(call), status)


async def final(call: Call, at_most: float = PATIENCE_SECONDS) -> httpx.Response:
    """The first answer that is not to come again. Between two calls it waits as long as the answer asks for."""
    give_up = time.monotonic() + at_most
    while True:
        pause = _POLL_SECONDS
        try:
            answer = await call()
        except httpx.TransportError as error:
            seen = repr(error)
        else:
            if not _comes_again(answer):
                return answer
            seen, pause = answer.text, float(answer.headers.get("retry-after", pause))
        assert time.monotonic() < give_up, f"not answered within {at_most:.0f} s; last seen: {seen}"
        await asyncio.sleep(pause)


def _comes_again(answer: httpx.Response) -> bool:
    in_flight = answer.status_code == 409 and refusal(answer).code == _ABORTED
    return in_flight or answer.status_code in (429, 503, 504)


def an_order(quantity: int = 2, product: str = PRODUCT, price: float | None = PRICE) -> Json:
    """What places an order."""
    item: Json = {"productId": product, "quantity": quantity}
    return {"items": [item if price is None else {**item, "price": price}], "shippingAddress": ADDRESS}


class Shop:
    """The way in for everybody: `async with Shop(stack) as shop`."""

    def __init__(self, stack: RealStack, url: str | None = None) -> None:
        self.stack = stack
        # Each test's calls are its own business: as many connections as it wants.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self.http = httpx.AsyncClient(base_url=url or stack.edge_url, timeout=_CALL_SECONDS, limits=limits)
        self.sandbox = Sandbox(stack)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()
        await self.sandbox.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One call of `/api/v1{path}`. `more` is httpx's."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if key is not None:
            sent["Idempotency-Key"] = key
        if body is not None:
            more["json"] = body
        return await self.http.request(method, f"/api/v1{path}", headers=sent, **more)

    async def register(self, **changes: str) -> Customer:
        """Somebody new, signed in."""
        person, key = a_person(**changes), str(uuid.uuid4())
        answer = await insist(lambda: self.call("POST", "/users/register", person, key=key), 201)
        return Customer(self, answer["user"]["id"], person["email"], person["password"], answer["token"])

    async def register_verified(self) -> Customer:
        """Somebody new, signed in, whose address is verified by the token of their first mail: mails name them."""
        person = await self.register()

        async def mailed() -> list[str]:
            return _VERIFICATION.findall("".join(mail["text"] for mail in await self.mails_to(person.email)))

        (token,) = await until(mailed, bool, f"the mail that welcomes {person.email}")
        answered(await self.call("POST", "/users/verify-email", {"token": token}), 200)
        return person

    async def register_staff(self) -> Customer:
        """Somebody new of the staff, signed in."""
        person = await self.register()
        await make_staff(self.stack, person.email)
        return await person.sign_in()

    async def product(self, product_id: str = PRODUCT) -> Json:
        """A product, with what is available of it."""
        return answered(await self.call("GET", f"/products/{product_id}"), 200)

    async def mails_to(self, email: str) -> list[Json]:
        """What somebody found in their mailbox, oldest first."""
        answer = await self.http.get(f"{self.stack.mail_url}/messages", params={"to": email, "limit": 1000})
        found: list[Json] = answered(answer, 200)["messages"]
        return found


@dataclass(frozen=True)
class Customer:
    """Somebody with an account, who is signed in."""

    shop: Shop
    id: str
    email: str
    password: str
    token: str

    async def sign_in(self) -> Customer:
        """The same person with a token of now."""
        body = {"email": self.email, "password": self.password}
        answer = await insist(lambda: self.shop.call("POST", "/users/login", body), 200)
        return Customer(self.shop, self.id, self.email, self.password, answer["token"])

    async def call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        """One call with their token."""
        return await self.shop.call(method, path, body, token=self.token, **more)

    async def get(self, path: str) -> Json:
        """What a path answers them."""
        return answered(await self.call("GET", path), 200)

    async def order(self, order: Json | None = None, *, key: str | None = None) -> Json:
        """A new order of theirs."""
        return answered(await self.call("POST", "/orders", order or an_order(), key=key), 201)

    async def pay(self, order: Json, card: str = VISA, *, key: str | None = None) -> Json:
        """A payment of their order."""
        body = {"orderId": order["id"], "paymentMethodId": card}
        return answered(await self.call("POST", "/payments", body, key=key), 201)

    async def approve(self, payment: Json, outcome: str = "approve") -> None:
        """What they do at their bank's page, after what their browser does with the client secret."""
        await self.shop.sandbox.pass_challenge(payment["clientSecret"].partition("_secret_")[0], outcome)

    async def confirm(self, payment: Json) -> Json:
        """The payment, after they have come back from their bank."""
        return answered(await self.call("POST", f"/payments/{payment['paymentId']}:confirm", {}), 200)

    async def until_order_is(self, order: Json, status: str) -> Json:
        """The order, once it stands there."""

        async def look() -> Json:
            return await self.get(f"/orders/{order['id']}")

        return await until(look, lambda found: found["status"] == status, f"order {order['id']} is {status}")

    async def until_mailed(self, order: Json, subject: str) -> Json:
        """The mail about an order, once it has come."""

        async def look() -> list[Json]:
            mails = await self.shop.mails_to(self.email)
            return [mail for mail in mails if mail["subject"] == subject and order["id"] in mail["text"]]

        return (await until(look, bool, f"a mail {subject!r} about order {order['id']}"))[0]


def a_person(**changes: str) -> dict[str, str]:
    """What registers somebody new."""
    return {
        "email": f"ada.{uuid.uuid4().hex}@example.com",
        "password": uuid.uuid4().hex,
        "firstName": "Ada",
        "lastName": "Tour",
        **changes,
    }
