"""Secrets and personal data are only where they belong: in no log of any part, in no span, on no topic."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from facts.system import system
from tests.contract.support import contents
from tests.support import bus, invariants, traces
from tests.support.bus import Record
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import CHALLENGED, DECLINED, VISA, Customer, Json, Shop, a_person, an_order, answered, until

MAIL = "canary.ada@example.org"
NAME, FAMILY = "Canaryada", "Canarytour"
PASSWORD = "canary-password-4711"
WRONG_PASSWORD = "canary-guess-0815"
NEXT_PASSWORD = "canary-password-4712"
STREET, CITY, ZIP = "Canary Wharf 7", "Canarytown", "CAN-4711"
PHONE, BIRTH = "+1 555 4711 0815", "1907-04-11"
CARD = "4000056655665556"
KEY = "canary-idempotency-key"
TOPICS = (*bus.TOPICS, *bus.DEAD_LETTERS)


@dataclass(frozen=True)
class Secrets:
    """What must not be found, by what it is."""

    never: dict[str, str]
    """Not anywhere."""
    personal: dict[str, str]
    """On the bus only in the events from which the mail sender learns addresses."""


def order(**changes: Any) -> Json:
    address = {"street": STREET, "city": CITY, "state": "CA", "zipCode": ZIP, "country": "US"}
    return {**an_order(), "shippingAddress": address, **changes}


@pytest.fixture(scope="module")
async def secrets(shop: Shop, before: Baseline) -> Secrets:
    """A customer sends every field, valid and invalid, and all events have been published."""
    customer = await shop.register(email=MAIL, firstName=NAME, lastName=FAMILY, password=PASSWORD)
    signed_in = await customer.sign_in()
    await fill_profile(signed_in)
    challenge = await buy(signed_in)
    await go_wrong(shop, signed_in)
    await invariants.hold(shop.stack, before)
    card = await charge_of(shop, signed_in)
    mailed = await use_mailed_tokens(shop)
    words = shop.stack.secrets.words
    return Secrets(
        never={
            "the password": PASSWORD,
            "a guessed password": WRONG_PASSWORD,
            "the next password": NEXT_PASSWORD,
            **{f"the token of the mail {subject!r}": token for subject, token in mailed.items()},
            "the first token": customer.token,
            "its signature": customer.token.rpartition(".")[2],
            "the second token": signed_in.token,
            "its claims": signed_in.token.split(".")[1],
            "the street": STREET,
            "the city": CITY,
            "the zip code": ZIP,
            "the phone": PHONE,
            "the date of birth": BIRTH,
            "the card's number": CARD,
            "the challenge's secret": challenge["clientSecret"],
            "the secret part of it": challenge["clientSecret"].partition("_secret_")[2],
            "the card's fingerprint": card["fingerprint"],
            "a key of the caller's": KEY,
            "a service's key": private_key(shop.stack),
            **{f"the word {name}": word for name, word in words.items()},
        },
        personal={"the mail address": MAIL, "the given name": NAME, "the family name": FAMILY},
    )


async def fill_profile(customer: Customer) -> None:
    """A whole profile."""
    address = {"street": STREET, "city": CITY, "state": "CA", "zipCode": ZIP, "country": "US"}
    profile = {"phone": PHONE, "dateOfBirth": BIRTH, "address": address, "bio": f"I live in {STREET}"}
    answered(await customer.call("PATCH", "/users/me", {"profile": profile}), 200)


async def buy(customer: Customer) -> Json:
    """One order of each kind; answers with the payment that was challenged."""
    orders = await asyncio.gather(*(customer.order(order(), key=f"{KEY}-{number}") for number in range(3)))
    payments = [
        await customer.pay(one, card, key=f"{KEY}-{card}")
        for one, card in zip(orders, (VISA, DECLINED, CHALLENGED), strict=True)
    ]
    await customer.approve(payments[-1])
    await customer.confirm(payments[-1])
    for one, status in zip(orders, ("confirmed", "cancelled", "confirmed"), strict=True):
        await customer.until_order_is(one, status)
    return payments[-1]


async def go_wrong(shop: Shop, customer: Customer) -> None:
    """What is refused, at every depth, with secrets in it: errors are where they slip out."""
    person = a_person(email=MAIL, password=PASSWORD, firstName=NAME, lastName=FAMILY)
    other = {**person, "email": f"other.{MAIL}"}
    forged = customer.token[:-4]
    unpaid = {"orderId": (await customer.order(order()))["id"]}
    answers = await asyncio.gather(
        shop.call("POST", "/users/login", {"email": MAIL, "password": WRONG_PASSWORD}),
        shop.call("POST", "/users/login", {"email": f"nobody.{MAIL}", "password": WRONG_PASSWORD}),
        shop.call("POST", "/users/register", person),
        shop.call("POST", "/users/register", {**person, "email": f"{MAIL}@{MAIL}"}),
        shop.call("POST", "/users/register", {**person, "lastName": f"{FAMILY}\0"}),
        # Two at once: one of them is refused by the database itself.
        *(shop.call("POST", "/users/register", other) for _ in range(2)),
        customer.call("POST", "/orders", order(shippingAddress={"street": STREET, "city": CITY, "zipCode": ZIP})),
        customer.call("POST", "/orders", order(items=[])),
        customer.call("POST", "/orders", content=json.dumps(order())[:-3], headers={"Idempotency-Key": KEY}),
        shop.call("GET", "/orders", token=forged),
        shop.call("GET", f"/orders?access_token={customer.token}"),
        customer.call("POST", "/payments", {"orderId": MAIL, "paymentMethodId": VISA}, key=KEY),
        # A page that takes the card itself, which it should leave to Stripe.
        *(customer.call("POST", "/payments", {**unpaid, **card}) for card in cards()),
        shop.call("GET", f"/products?card={CARD}&email={MAIL}"),
        customer.call("PATCH", "/users/me", {"profile": {"phone": PHONE * 5, "dateOfBirth": BIRTH[::-1]}}),
        customer.call("POST", "/users/me/password", {"oldPassword": WRONG_PASSWORD, "newPassword": PASSWORD}),
    )
    assert {answer.status_code for answer in answers} <= {201, 400, 401, 403, 409, 429}
    for answer in answers:
        assert PASSWORD not in answer.text
        assert STREET not in answer.text
        assert CARD not in answer.text
        assert PHONE not in answer.text


def cards() -> list[Json]:
    """A card's number where none belongs: for a method, within one, in fields that nobody knows."""
    return [
        {"paymentMethodId": CARD},
        {"paymentMethodId": f"pm_{CARD}"},
        {"paymentMethodId": DECLINED, "card": {"number": CARD, "cvc": "123"}, "cardNumber": CARD},
    ]


async def charge_of(shop: Shop, customer: Customer) -> Json:
    """The card that was charged, as Stripe reports it."""
    paid = (await customer.get("/payments"))["payments"][-1]
    found = await shop.sandbox.ask(
        "GET",
        "/v1/payment_intents/search",
        params={"query": f"metadata['payment_id']:'{paid['paymentId']}'", "expand[]": "data.latest_charge"},
    )
    card: Json = found["data"][0]["latest_charge"]["payment_method_details"]["card"]
    return card


async def use_mailed_tokens(shop: Shop) -> dict[str, str]:
    """The tokens that came by mail, by subject: used rightly, then once more, which is refused."""
    answered(await shop.call("POST", "/users/password-reset", {"email": MAIL}), 200)

    async def mailed() -> dict[str, str]:
        found = {mail["subject"]: re.search(r"#token=([\w-]+)", mail["text"]) for mail in await shop.mails_to(MAIL)}
        return {subject: token[1] for subject, token in found.items() if token}

    tokens = await until(mailed, lambda found: len(found) == 2, "the mails to welcome and to reset")
    reset = next(token for subject, token in tokens.items() if "password" in subject)
    (verification,) = set(tokens.values()) - {reset}
    for status in (200, 400):
        answered(await shop.call("POST", "/users/verify-email", {"token": verification}), status)
        person = {"token": reset, "newPassword": NEXT_PASSWORD}
        answered(await shop.call("POST", "/users/password-reset:confirm", person), status)
    answered(await shop.call("POST", "/users/login", {"email": MAIL, "password": NEXT_PASSWORD}), 200)
    return tokens


def private_key(stack: RealStack) -> str:
    """The middle of a service's own key."""
    return stack.secrets.service_key_file("order").read_text().splitlines()[1]


def logs(stack: RealStack) -> list[Path]:
    """Every file that a part of the stack writes what it does to."""
    return sorted(path for path in stack.stack.logs.rglob("*") if path.is_file())


def test_every_part_writes_a_log(stack: RealStack, secrets: Secrets) -> None:
    """So that not finding anything in them means something."""
    written = {path.stem for path in logs(stack) if path.stat().st_size}
    assert written >= {*system().names, "edge", "stripe", "supervisor"}
    everything = "".join(path.read_text(errors="replace") for path in logs(stack))
    assert '"event":"call"' in everything
    assert "/api/v1/users/login" in everything


def test_no_log_contains_a_secret_or_personal_data(stack: RealStack, secrets: Secrets) -> None:
    found = [
        f"{path.name} contains {what}"
        for path in logs(stack)
        for what in _found_in(path.read_bytes(), (secrets.never | secrets.personal).items())
    ]
    assert found == []


async def test_no_span_contains_a_secret_or_personal_data(stack: RealStack, secrets: Secrets) -> None:
    """Spans of SQL and of documents contain no values at all."""

    async def services_with_spans() -> set[str]:
        return {span["service"] for span in traces.spans(stack)}

    everybody = {"edge", *system().names}
    await until(services_with_spans, lambda services: services >= everybody, "everybody's spans")
    found = [
        f"{span['service']} {span['name']} contains {what}"
        for span in traces.spans(stack)
        for what in _found_in(json.dumps(span, ensure_ascii=False).encode(), (secrets.never | secrets.personal).items())
    ]
    assert found == []
    refused = [span for span in traces.spans(stack) if span["name"].endswith("/Register") and span["kind"] == "server"]
    assert any(span["attributes"].get("argosy.reason") for span in refused)
    # A library raised an error whose text has a stored value, and the text was left out.
    assert any(span["events"] for span in traces.spans(stack))


async def test_no_topic_contains_a_secret_and_only_one_has_personal_data(stack: RealStack, secrets: Secrets) -> None:
    records = await bus.records(stack, TOPICS)
    assert {record.topic for record in records} >= set(bus.TOPICS)
    assert [f"{record.topic} contains {what}" for record, what in _on_the_bus(records, secrets.never)] == []
    where = {(record.topic, record.header("ce_type")) for record, _ in _on_the_bus(records, secrets.personal)}
    assert where == {("user-events", "USER_CREATED"), ("user-events", "USER_UPDATED")}


async def test_no_metric_contains_a_secret_or_personal_data(stack: RealStack, secrets: Secrets) -> None:
    async with httpx.AsyncClient() as http:
        for service in system().names:
            answer = await http.get(f"{stack.admin_url(service)}/metrics")
            assert answer.status_code == 200
            assert "http_request_duration_seconds" in answer.text
            assert list(_found_in(answer.content, (secrets.never | secrets.personal).items())) == []


async def test_answers_that_are_kept_for_repeats_hold_no_secret(stack: RealStack, secrets: Secrets) -> None:
    for service in ("user", "payment"):
        kept = (await contents(stack, service, ["idempotency_keys"]))["idempotency_keys"]
        # Bytes are shown in hexadecimal.
        shown = b"".join(bytes.fromhex(part) for part in _hexadecimal(kept)) + kept.encode()
        never = {what: secret for what, secret in secrets.never.items() if what != "a key of the caller's"}
        assert list(_found_in(shown, never.items())) == []


def _hexadecimal(text: str) -> list[str]:
    return [digits[: len(digits) // 2 * 2] for digits in re.findall(r"x([0-9a-f]{2,})", text)]


def _found_in(content: bytes, secrets: Iterable[tuple[str, str]]) -> Iterator[str]:
    for what, secret in secrets:
        assert len(secret) > 6, f"{what} is too short to be looked for"
        if secret.encode() in content:
            yield what


def _on_the_bus(records: Iterable[Record], secrets: dict[str, str]) -> Iterator[tuple[Record, str]]:
    for record in records:
        headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers)
        for what in _found_in(b"\n".join((record.key, record.value, headers)), secrets.items()):
            yield record, what
