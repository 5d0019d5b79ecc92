"""What is not as it should be, through REST: the right status, the one shape of errors, what would be right, and
nothing changed anywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.ports import SERVICES
from tests.contract.support import bad_tokens, contents
from tests.integration.edge.harness import edge, environment
from tests.support import invariants
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import (
    ADDRESS,
    CHALLENGED,
    PRODUCT,
    VISA,
    Customer,
    Json,
    Refusal,
    Shop,
    a_person,
    an_order,
    answered,
    refusal,
)

INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, RESOURCE_EXHAUSTED, UNAUTHENTICATED = 3, 5, 6, 8, 16
NOBODYS = "00000000-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}

Everything = tuple[object, ...]


async def everything(stack: RealStack, before: Baseline) -> Everything:
    """All that the system knows, once nothing is under way."""
    settled = await invariants.hold(stack, before, mail_may_repeat=True)
    tables = {
        "user": ("users", "user_profiles", "user_sessions", "idempotency_keys"),
        "payment": ("idempotency_keys", "processed_webhook_events", "cancelled_orders"),
        "inventory": ("products", "reservations", "reservation_items"),
        "notification": ("recipients", "messages"),
    }
    return settled, *[await contents(stack, service, names) for service, names in tables.items()]


@dataclass(frozen=True)
class Scene:
    """Who is there, and what they have."""

    shop: Shop
    customer: Customer
    stranger: Customer
    order: Json
    """The customer's, not paid."""
    theirs: Json
    """The stranger's, waiting for a challenge."""
    their_payment: Json


@pytest.fixture(scope="module")
async def scene(shop: Shop, before: Baseline) -> Scene:
    customer, stranger = await shop.register(), await shop.register()
    order, theirs = await customer.order(), await stranger.order()
    return Scene(shop, customer, stranger, order, theirs, await stranger.pay(theirs, CHALLENGED))


@pytest.fixture
async def unchanged(scene: Scene, before: Baseline) -> AsyncIterator[None]:
    """Whatever the test asks for, everything is afterwards as it was."""
    was = await everything(scene.shop.stack, before)
    yield
    assert await everything(scene.shop.stack, before) == was


async def refused(answers: Mapping[str, Awaitable[httpx.Response]]) -> dict[str, Refusal]:
    """What each of the calls, made at once, was refused with."""
    done = await asyncio.gather(*answers.values())
    found: dict[str, Refusal] = {}
    for what, answer in zip(answers, done, strict=True):
        assert answer.is_error, f"{what}: not refused, but {answer.status_code} {answer.text}"
        found[what] = refusal(answer)
    return found


def without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


def line(**changes: Any) -> Json:
    """An order whose one line is otherwise."""
    item = {"productId": PRODUCT, "quantity": 2, "price": 29.99, **changes}
    return {**an_order(), "items": [{name: value for name, value in item.items() if value is not ...}]}


def lines(*items: Json) -> Json:
    return {**an_order(), "items": list(items)}


def address(**changes: Any) -> Json:
    body = {name: value for name, value in {**ADDRESS, **changes}.items() if value is not ...}
    return {**an_order(), "shippingAddress": body}


@pytest.mark.usefixtures("unchanged")
async def test_registering(scene: Scene) -> None:
    good = a_person()
    wrong: dict[str, tuple[Json, str]] = {
        **{f"no {name}": (without(good, name), name) for name in good},
        **{f"empty {name}": ({**good, name: ""}, name) for name in good},
        **{f"NUL in {name}": ({**good, name: f"a\0{good[name]}"}, name) for name in good},
        "an address without a domain": ({**good, "email": "ada"}, "email"),
        "an address with blanks": ({**good, "email": "a da@example.com"}, "email"),
        "a long address": ({**good, "email": f"{'a' * 250}@example.com"}, "email"),
        "a short password": ({**good, "password": "1234567"}, "password"),
        "a long password": ({**good, "password": "é" * 37}, "password"),
        "a long name": ({**good, "firstName": "a" * 101}, "firstName"),
        "a blank name": ({**good, "lastName": "   "}, "lastName"),
    }
    found = await refused({what: scene.shop.call("POST", "/users/register", body) for what, (body, _) in wrong.items()})
    for what, (_, field) in wrong.items():
        assert (found[what].status, found[what].code, found[what].reason) == (400, INVALID_ARGUMENT, "INVALID_ARGUMENT")
        assert set(found[what].fields) == {field}, what
        assert good["password"] not in str(found[what])
    nothing = refusal(await scene.shop.call("POST", "/users/register", {}))
    assert set(nothing.fields) == set(good)


@pytest.mark.usefixtures("unchanged")
async def test_registering_with_an_address_that_is_taken(scene: Scene) -> None:
    for email in (scene.customer.email, scene.customer.email.upper()):
        error = refusal(await scene.shop.call("POST", "/users/register", a_person(email=email)))
        assert (error.status, error.code, error.reason) == (409, ALREADY_EXISTS, "EMAIL_TAKEN")


@pytest.mark.usefixtures("unchanged")
async def test_signing_in_answers_a_wrong_password_and_an_unknown_address_alike(scene: Scene) -> None:
    wrong = {"email": scene.customer.email, "password": "not the password"}
    unknown = {**wrong, "email": a_person()["email"]}
    answers = [await scene.shop.call("POST", "/users/login", body) for body in (wrong, unknown)]
    assert answers[0].content == answers[1].content
    error = refusal(answers[0])
    assert (error.status, error.code, error.reason) == (401, UNAUTHENTICATED, "SIGN_IN_REFUSED")
    found = await refused(
        {name: scene.shop.call("POST", "/users/login", without(wrong, name)) for name in ("email", "password")}
    )
    assert {what: (error.status, set(error.fields)) for what, error in found.items()} == {
        name: (400, {name}) for name in ("email", "password")
    }


@pytest.mark.usefixtures("unchanged")
async def test_ordering(scene: Scene) -> None:
    good = line()["items"][0]
    wrong: dict[str, tuple[Json, str]] = {
        "no items": (without(an_order(), "items"), "items"),
        "an empty list": (lines(), "items"),
        "101 lines": (lines(*[good] * 101), "items"),
        "no product": (line(productId=...), "items[0].productId"),
        "a product that is no id": (line(productId="Prod 123"), "items[0].productId"),
        "NUL in a product": (line(productId="prod\0"), "items[0].productId"),
        "an unknown product": (line(productId="prod-999"), "items[0].productId"),
        "no quantity": (line(quantity=...), "items[0].quantity"),
        "quantity 0": (line(quantity=0), "items[0].quantity"),
        "quantity -1": (line(quantity=-1), "items[0].quantity"),
        "quantity 1001": (line(quantity=1001), "items[0].quantity"),
        "quantity 10^9": (line(quantity=10**9), "items[0].quantity"),
        "a wrong second line": (lines(good, {**good, "quantity": 0}), "items[1].quantity"),
        "another price": (line(price=29.98), "items[0].price"),
        "a price of nothing": (line(price=0), "items[0].price"),
        "a price below nothing": (line(price=-29.99), "items[0].price"),
        "a price of fractions": (line(price=29.991), "items[0].price"),
        "a price beyond all": (line(price=1e300), "items[0].price"),
        "a price that is no number": (line(price="NaN"), "items[0].price"),
        "an infinite price": (line(price="Infinity"), "items[0].price"),
        "another price in the second line": (lines(good, {**good, "price": 1}), "items[1].price"),
        "two currencies": (lines(good, {"productId": "prod-130", "quantity": 1}), "items[1].productId"),
        "somebody else": ({**an_order(), "userId": scene.stranger.id}, "userId"),
        "nobody": ({**an_order(), "userId": "me"}, "userId"),
        "no address": (without(an_order(), "shippingAddress"), "shippingAddress"),
        **{f"no {name}": (address(**{name: ...}), f"shippingAddress.{name}") for name in without(ADDRESS, "state")},
        "a blank street": (address(street="  "), "shippingAddress.street"),
        "NUL in the street": (address(street="1\0 Test St"), "shippingAddress.street"),
        "a long street": (address(street="a" * 201), "shippingAddress.street"),
        "a long zip code": (address(zipCode="1" * 21), "shippingAddress.zipCode"),
        "no country of this world": (address(country="usa"), "shippingAddress.country"),
    }
    found = await refused({what: scene.customer.call("POST", "/orders", body) for what, (body, _) in wrong.items()})
    for what, (_, field) in wrong.items():
        assert (found[what].status, found[what].code) == (400, INVALID_ARGUMENT), what
        assert set(found[what].fields) == {field}, what
    assert "29.99 USD" in found["another price"].fields["items[0].price"]
    assert "1000" in found["quantity 10^9"].fields["items[0].quantity"]


@pytest.mark.usefixtures("unchanged")
async def test_ordering_more_than_there_is(scene: Scene) -> None:
    golden_fleece: Json = {"productId": "prod-129", "quantity": 1}
    for body in (lines({**golden_fleece, "quantity": 2}), lines(golden_fleece, golden_fleece)):
        error = refusal(await scene.customer.call("POST", "/orders", body))
        assert (error.status, error.reason) == (400, "OUT_OF_STOCK")
        assert "1" in error.fields["items[0].quantity"]


@pytest.mark.usefixtures("unchanged")
async def test_paying(scene: Scene) -> None:
    good = {"orderId": scene.order["id"], "amount": 59.98, "currency": "USD", "paymentMethodId": VISA}
    wrong: dict[str, tuple[Json, str]] = {
        "no order": (without(good, "orderId"), "orderId"),
        "no order's id": ({**good, "orderId": "42"}, "orderId"),
        "NUL in an id": ({**good, "orderId": f"{scene.order['id']}\0"}, "orderId"),
        "another amount": ({**good, "amount": 59.97}, "amount"),
        "cents instead": ({**good, "amount": 5998}, "amount"),
        "no amount at all": ({**good, "amount": 0}, "amount"),
        "less than nothing": ({**good, "amount": -59.98}, "amount"),
        "fractions of a cent": ({**good, "amount": 59.981}, "amount"),
        "no number": ({**good, "amount": "NaN"}, "amount"),
        "infinitely much": ({**good, "amount": "Infinity"}, "amount"),
        "another currency": ({**good, "currency": "EUR"}, "currency"),
        "no currency": ({**good, "currency": "us"}, "currency"),
        "no card": (without(good, "paymentMethodId"), "paymentMethodId"),
        "a card number": ({**good, "paymentMethodId": "4242424242424242"}, "paymentMethodId"),
        "no customer's id": ({**good, "customerId": "42"}, "customerId"),
        "nobody's customer": ({**good, "customerId": "cus_nobody"}, "customerId"),
    }
    found = await refused({what: scene.customer.call("POST", "/payments", body) for what, (body, _) in wrong.items()})
    for what, (_, field) in wrong.items():
        assert (found[what].status, found[what].code) == (400, INVALID_ARGUMENT), what
        assert set(found[what].fields) == {field}, what
    assert "59.98" in found["another amount"].fields["amount"]
    assert "USD" in found["another currency"].fields["currency"]
    assert "4242424242424242" not in str(found["a card number"])


async def test_a_card_that_stripe_does_not_know_leaves_the_order_to_be_paid(scene: Scene) -> None:
    order = await scene.customer.order()
    body = {"orderId": order["id"], "paymentMethodId": "pm_card_nobodys"}
    error = refusal(await scene.customer.call("POST", "/payments", body))
    assert (error.status, set(error.fields)) == (400, {"paymentMethodId"})
    assert (await scene.customer.get(f"/orders/{order['id']}"))["status"] == "pending"
    assert (await scene.shop.sandbox.counts(order_id=order["id"]))["payment_intents"] == {"total": 0}
    assert (await scene.customer.pay(order))["status"] == "succeeded"
    await scene.customer.until_order_is(order, "confirmed")


@pytest.mark.usefixtures("unchanged")
async def test_resources_of_others_are_answered_like_missing_ones(scene: Scene) -> None:
    def calls(order: str, payment: str, user: str) -> dict[str, Awaitable[httpx.Response]]:
        call = scene.customer.call
        return {
            "order": call("GET", f"/orders/{order}"),
            "history": call("GET", f"/orders/{order}/history"),
            "cancel": call("PATCH", f"/orders/{order}/status", {"status": "cancelled"}),
            "pay": call("POST", "/payments", {"orderId": order, "paymentMethodId": VISA}),
            "payment": call("GET", f"/payments/{payment}"),
            "confirm": call("POST", f"/payments/{payment}:confirm", {}),
            "account": call("GET", f"/users/{user}"),
        }

    theirs = (scene.theirs["id"], scene.their_payment["paymentId"], scene.stranger.id)
    found, missing = await refused(calls(*theirs)), await refused(calls(NOBODYS, NOBODYS, NOBODYS))
    for what, answer in found.items():
        assert (answer.status, answer.code) == (404, NOT_FOUND), what
        without_id = answer.message
        for own in theirs:
            without_id = without_id.replace(own, NOBODYS)
        assert (without_id, answer.reason, answer.fields) == (
            missing[what].message, missing[what].reason, missing[what].fields
        )  # fmt: skip


@pytest.mark.usefixtures("unchanged")
async def test_ids_that_are_none_and_ids_of_nothing(scene: Scene) -> None:
    call = scene.customer.call
    for malformed in ("42", "not-an-id", f"{NOBODYS}0", "ä", "' OR 1=1 --"):
        found = await refused(
            {
                "order": call("GET", f"/orders/{malformed}"),
                "history": call("GET", f"/orders/{malformed}/history"),
                "move": call("PATCH", f"/orders/{malformed}/status", {"status": "cancelled"}),
                "payment": call("GET", f"/payments/{malformed}"),
                "confirm": call("POST", f"/payments/{malformed}:confirm", {}),
                "account": call("GET", f"/users/{malformed}"),
                "product": call("GET", "/products/No Product"),
            }
        )
        assert {what: (answer.status, set(answer.fields)) for what, answer in found.items()} == {
            what: (400, {"id"}) for what in found
        }, malformed
    assert refusal(await call("GET", "/orders/%00")).status == 400
    answer = refusal(await call("GET", "/products/prod-999"))
    assert (answer.status, answer.code) == (404, NOT_FOUND)


@pytest.mark.usefixtures("unchanged")
async def test_queries(scene: Scene) -> None:
    products = answered(await scene.shop.call("GET", "/products?pageSize=1"), 200)["nextPageToken"]
    wrong = {
        "/orders?pageSize=-1": "pageSize",
        "/orders?pageToken=nothing": "pageToken",
        f"/orders?pageToken={products}": "pageToken",
        "/orders?status=lost": "status",
        "/payments?orderId=42": "orderId",
        "/payments?pageToken=nothing": "pageToken",
        "/products?pageSize=-1": "pageSize",
        "/notifications?pageToken=nothing": "pageToken",
        # What the edge cannot put into the request, it refuses itself.
        "/orders?pageSize=many": None,
        "/orders?pageSize=99999999999": None,
        "/orders?colour=blue": None,
        "/products/prod-123?colour=blue": None,
        "/orders?access_token=1": None,
    }
    found = await refused({path: scene.customer.call("GET", path) for path in wrong})
    for path, field in wrong.items():
        error = found[path]
        assert (error.status, error.code) == (400, INVALID_ARGUMENT), path
        assert set(error.fields) == ({field} if field else set()), path
        assert field or error.reason == "MALFORMED_REQUEST", path
    everything_there_is = await scene.customer.get("/orders?pageSize=100000")
    assert everything_there_is["orders"], "more than 100 is taken as 100"


@pytest.mark.usefixtures("unchanged")
async def test_bodies_that_cannot_be_read(scene: Scene) -> None:
    placed = json.dumps(an_order())
    wrong: dict[str, bytes] = {
        "nothing": b"",
        "half of it": placed[: len(placed) // 2].encode(),
        "no JSON": b"items=prod-123",
        "NaN": placed.replace("29.99", "NaN").encode(),
        "quantity 10^12": placed.replace('"quantity": 2', '"quantity": 1000000000000').encode(),
        "half a thing": placed.replace('"quantity": 2', '"quantity": 1.5').encode(),
        "words for numbers": placed.replace('"quantity": 2', '"quantity": "two"').encode(),
        "a number for words": placed.replace(f'"{PRODUCT}"', "123").encode(),
        "a list": f"[{placed}]".encode(),
        "no UTF-8": placed.replace("Test City", "\udcff").encode(errors="surrogateescape"),
        "half a character": placed.replace("Test City", r"\ud83d").encode(),
        "no end of depth": b'{"items":' + b"[" * 100_000,
    }
    found = await refused(
        {what: scene.customer.call("POST", "/orders", content=body, headers=JSON) for what, body in wrong.items()}
    )
    for what, answer in found.items():
        assert (answer.status, answer.code) == (400, INVALID_ARGUMENT), (what, answer)


@pytest.mark.usefixtures("unchanged")
async def test_a_body_larger_than_an_order_may_be(scene: Scene) -> None:
    body = json.dumps(address(street="a" * 300_000)).encode()
    error = refusal(await scene.customer.call("POST", "/orders", content=body, headers=JSON))
    assert (error.status, error.code, error.reason) == (413, INVALID_ARGUMENT, "BODY_TOO_LARGE")


@pytest.mark.usefixtures("unchanged")
async def test_methods_and_paths_that_do_not_exist(scene: Scene) -> None:
    order = scene.order["id"]
    wrong = [
        ("PUT", "/orders"),
        ("DELETE", f"/orders/{order}"),
        ("POST", f"/orders/{order}"),
        ("PATCH", f"/orders/{order}"),
        ("POST", f"/orders/{order}/status"),
        ("GET", "/webhooks/stripe"),
        ("PUT", "/payments"),
        ("POST", f"/payments/{NOBODYS}:capture"),
        ("GET", "/nothing"),
        ("POST", "/reservations"),
    ]
    found = await refused({f"{method} {path}": scene.customer.call(method, path) for method, path in wrong})
    assert {what: (answer.status, answer.code, answer.reason) for what, answer in found.items()} == dict.fromkeys(
        found, (404, NOT_FOUND, "NO_SUCH_ROUTE")
    )


@pytest.mark.usefixtures("unchanged")
async def test_escaped_slashes(scene: Scene) -> None:
    for path in (f"/orders%2F{scene.order['id']}", f"/orders/{scene.order['id']}%2fhistory", "/orders%5C42"):
        error = refusal(await scene.customer.call("GET", path))
        assert (error.status, error.code, error.reason) == (400, INVALID_ARGUMENT, "MALFORMED_REQUEST")


@pytest.mark.usefixtures("unchanged")
async def test_headers(scene: Scene) -> None:
    def order(**headers: str | bytes) -> Awaitable[httpx.Response]:
        return scene.customer.call("POST", "/orders", an_order(), headers=headers)

    found = await refused(
        {
            "an empty key": order(**{"Idempotency-Key": ""}),
            "a long key": order(**{"Idempotency-Key": "k" * 256}),
            "a key of other letters": order(**{"Idempotency-Key": "schlüssel".encode()}),
            "a key with a tab": order(**{"Idempotency-Key": "a\tb"}),
        }
    )
    for what, answer in found.items():
        assert (answer.status, answer.code, set(answer.fields)) == (400, INVALID_ARGUMENT, {"Idempotency-Key"}), what
    body = a_person()
    for app in ("tv-app", "web-app, mobile-app", "WEB-APP"):
        answer = refusal(await scene.shop.call("POST", "/users/register", body, headers={"X-Client-App": app}))
        assert (answer.status, answer.code, set(answer.fields)) == (400, INVALID_ARGUMENT, {"X-Client-App"})


@pytest.mark.usefixtures("unchanged")
async def test_tokens_that_are_none(scene: Scene) -> None:
    shop, order = scene.shop, scene.order["id"]
    tokens = {**bad_tokens(shop.stack, scene.customer.id), "none": None}
    del tokens["empty"]  # which this client will not send
    found: dict[str, Refusal] = {}
    for what, token in tokens.items():
        found |= await refused(
            {
                f"order with {what}": shop.call("POST", "/orders", an_order(), token=token),
                f"look with {what}": shop.call("GET", f"/orders/{order}", token=token),
                f"cancel with {what}": shop.call(
                    "PATCH", f"/orders/{order}/status", {"status": "cancelled"}, token=token
                ),
                f"pay with {what}": shop.call(
                    "POST", "/payments", {"orderId": order, "paymentMethodId": VISA}, token=token
                ),
                f"read mail with {what}": shop.call("GET", "/notifications", token=token),
                f"be with {what}": shop.call("GET", "/users/me", token=token),
            }
        )
        if token is not None:
            # A token that is sent must be good, also where none is asked for.
            found |= await refused({f"browse with {what}": shop.call("GET", "/products", token=token)})
    assert {what: (answer.status, answer.code) for what, answer in found.items()} == dict.fromkeys(
        found, (401, UNAUTHENTICATED)
    )
    sent_otherwise = await refused(
        {
            "in the query": shop.call("GET", f"/orders?access_token={scene.customer.token}"),
            "as a cookie": shop.call("GET", "/orders", headers={"Cookie": f"token={scene.customer.token}"}),
            "by another scheme": shop.call(
                "GET", "/orders", headers={"Authorization": f"Basic {scene.customer.token}"}
            ),
            "by headers of ours": shop.call(
                "GET", "/orders", headers={"X-User-Id": scene.customer.id, "X-Edge-Subject": scene.customer.id}
            ),
        }
    )
    assert {answer.status for answer in sent_otherwise.values()} <= {400, 401}


def signed(stack: RealStack, payload: bytes, *, secret: str | None = None, at: float | None = None) -> dict[str, str]:
    """The headers of a webhook, as Stripe signs it: https://docs.stripe.com/webhooks#verify-manually."""
    moment = str(int(at or time.time()))
    key = (secret or stack.secrets.stripe_webhook_secret).encode()
    signature = hmac.new(key, moment.encode() + b"." + payload, hashlib.sha256).hexdigest()
    return {**JSON, "Stripe-Signature": f"t={moment},v1={signature}"}


def webhook(kind: str, thing: Mapping[str, Any]) -> bytes:
    event = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": kind, "data": {"object": thing}}
    return json.dumps(event).encode()


@pytest.mark.usefixtures("unchanged")
async def test_webhooks_that_stripe_did_not_sign(scene: Scene) -> None:
    stack = scene.shop.stack
    payload = webhook("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent", "metadata": {}})
    good = signed(stack, payload)
    wrong = {
        "no signature": (payload, JSON),
        "an empty one": (payload, {**JSON, "Stripe-Signature": ""}),
        "no such form": (payload, {**JSON, "Stripe-Signature": "secret"}),
        "another secret": (payload, signed(stack, payload, secret="whsec_guessed")),
        "other bytes": (payload + b" ", good),
        "long ago": (payload, signed(stack, payload, at=time.time() - 3600)),
        "another moment": (payload, {**good, "Stripe-Signature": good["Stripe-Signature"].replace("t=", "t=1")}),
        "an older scheme": (payload, {**good, "Stripe-Signature": good["Stripe-Signature"].replace("v1=", "v0=")}),
    }
    found = await refused(
        {
            what: scene.shop.call("POST", "/webhooks/stripe", content=content, headers=headers)
            for what, (content, headers) in wrong.items()
        }
    )
    for what, answer in found.items():
        # Without the header, the edge refuses the call before it reads the body.
        reason = "INVALID_ARGUMENT" if what == "no signature" else "BAD_SIGNATURE"
        assert (answer.status, answer.code, answer.reason) == (400, INVALID_ARGUMENT, reason), what


@pytest.mark.usefixtures("unchanged")
async def test_webhooks_about_other_things_are_taken_and_left_aside(scene: Scene) -> None:
    for payload in (
        webhook("payment_intent.succeeded", {"id": "pi_foreign", "object": "payment_intent", "metadata": {}}),
        webhook("customer.created", {"id": "cus_1", "object": "customer"}),
    ):
        headers = signed(scene.shop.stack, payload)
        answer = await scene.shop.call("POST", "/webhooks/stripe", content=payload, headers=headers)
        assert answered(answer, 200) == {"received": True}


async def test_a_webhooks_content_is_not_trusted_but_looked_up(scene: Scene, before: Baseline) -> None:
    """Whoever has learnt the secret can at most make us ask Stripe, which still waits for the challenge."""
    was = await invariants.hold(scene.shop.stack, before, mail_may_repeat=True)
    intent = await scene.shop.sandbox.intent(scene.their_payment["clientSecret"].partition("_secret_")[0])
    payload = webhook("payment_intent.succeeded", {**intent, "status": "succeeded"})
    headers = signed(scene.shop.stack, payload)
    answer = await scene.shop.call("POST", "/webhooks/stripe", content=payload, headers=headers)
    assert answered(answer, 200) == {"received": True}
    payment = await scene.stranger.get(f"/payments/{scene.their_payment['paymentId']}")
    assert payment["status"] == "requires_action"
    assert await invariants.hold(scene.shop.stack, before, mail_may_repeat=True) == was


@pytest.fixture(scope="module")
async def edge_of_everybody(stack: RealStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A second edge before the same services, with the limits as customers have them."""
    services = {service: stack.stack.port(f"{service}-grpc") for service in SERVICES}
    settings = environment(services, f"{stack.admin_url('user')}/.well-known/jwks.json")
    async with edge(settings, tmp_path_factory.mktemp("edge") / "edge.log") as running:
        yield running.url


async def test_the_hundred_and_first_call_in_a_minute(scene: Scene, edge_of_everybody: str) -> None:
    eager, patient = await asyncio.gather(scene.shop.register(), scene.shop.register())
    async with Shop(scene.shop.stack, edge_of_everybody) as limited:
        # So many that some are too many even if the minute passes while they are answered.
        answers = await asyncio.gather(*(limited.call("GET", "/users/me", token=eager.token) for _ in range(300)))
        seen = Counter(answer.status_code for answer in answers)
        assert set(seen) == {200, 429}
        assert seen[200] >= 100
        error = refusal(next(answer for answer in answers if answer.status_code == 429))
        assert (error.status, error.code, error.reason) == (429, RESOURCE_EXHAUSTED, "RATE_LIMITED")
        # Nobody else has to wait, nor they for anything else.
        answered(await limited.call("GET", "/users/me", token=patient.token), 200)
        answered(await limited.call("GET", "/orders", token=eager.token), 200)
        # And Stripe never.
        webhooks = await asyncio.gather(*(limited.call("POST", "/webhooks/stripe", {}) for _ in range(100)))
        assert {answer.status_code for answer in webhooks} == {400}


async def test_unknown_fields_are_ignored(scene: Scene) -> None:
    order = answered(await scene.customer.call("POST", "/orders", {**an_order(), "colour": "blue"}), 201)
    assert "colour" not in order
