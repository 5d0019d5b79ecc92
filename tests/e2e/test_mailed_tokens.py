"""Resetting a password and verifying an address: through the edge, by what is in the mailbox."""

from __future__ import annotations

import asyncio
import re
import uuid

import httpx
import pytest

from tests.contract.support import contents
from tests.support import bus
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Json, Shop, answered, refusal, until

RESET = "Reset your password"
WELCOME = "Welcome! Please verify your email address"
VERIFY = "Please verify your email address"
CHANGE = "Your email address is about to change"
LINK = re.compile(r"http://[^/\s]+/(?P<page>[a-z-]+)#token=(?P<token>[\w-]+)")


async def mails(shop: Shop, email: str, subject: str, count: int) -> list[Json]:
    """So many mails of that subject, once they have come, oldest first."""

    async def look() -> list[Json]:
        return [mail for mail in await shop.mails_to(email) if mail["subject"] == subject]

    return await until(look, lambda found: len(found) == count, f"{count} mails {subject!r}")


def token_in(mail: Json, page: str) -> str:
    """The token in both halves of a mail."""
    links = [LINK.search(mail[half]) for half in ("text", "html")]
    (token,) = {link["token"] for link in links if link}
    assert {link["page"] for link in links if link} == {page}
    return token


async def ask_for_reset(shop: Shop, email: str) -> Json:
    return answered(await shop.call("POST", "/users/password-reset", {"email": email}), 200)


async def confirm(shop: Shop, token: str, password: str) -> httpx.Response:
    return await shop.call("POST", "/users/password-reset:confirm", {"token": token, "newPassword": password})


async def me(person: Customer) -> Json:
    return await person.get("/users/me")


def is_not_good(answer: httpx.Response) -> bool:
    refused = refusal(answer)
    return (refused.status, refused.reason, list(refused.fields)) == (400, "MAIL_TOKEN_NOT_GOOD", ["token"])


async def test_registering_sends_a_mail_that_verifies_the_address(shop: Shop) -> None:
    person = await shop.register()
    assert (await me(person))["emailVerified"] is False
    (mail,) = await mails(shop, person.email, WELCOME, 1)
    token = token_in(mail, "verify-email")
    answered(await shop.call("POST", "/users/verify-email", {"token": token}), 200)
    assert (await me(person))["emailVerified"] is True
    assert is_not_good(await shop.call("POST", "/users/verify-email", {"token": token}))
    again = refusal(await person.call("POST", "/users/me/email-verification", {}))
    assert (again.status, again.reason) == (400, "EMAIL_VERIFIED")


async def test_another_address_takes_over_by_the_latest_mail_and_the_old_one_takes_it_back(shop: Shop) -> None:
    person = await shop.register()
    (welcome,) = await mails(shop, person.email, WELCOME, 1)
    email = f"ada.{uuid.uuid4().hex}@example.org"
    assert refusal(await person.call("PATCH", "/users/me", {"email": email})).reason == "WRONG_PASSWORD"
    changed = {"email": email, "currentPassword": person.password}
    answered(await person.call("PATCH", "/users/me", changed), 200)
    (first,) = await mails(shop, email, VERIFY, 1)
    answered(await person.call("POST", "/users/me/email-verification", {}), 200)
    _, second = await mails(shop, email, VERIFY, 2)
    for mail in (welcome, first):
        token = token_in(mail, "verify-email")
        assert is_not_good(await shop.call("POST", "/users/verify-email", {"token": token}))
    assert ((await me(person))["email"], (await me(person))["pendingEmail"]) == (person.email, email)
    answered(await shop.call("POST", "/users/verify-email", {"token": token_in(second, "verify-email")}), 200)
    assert ((await me(person))["email"], (await me(person))["emailVerified"]) == (email, True)
    (warning,) = await mails(shop, person.email, CHANGE, 1)
    undo = {"token": token_in(warning, "undo-email-change")}
    answered(await shop.call("POST", "/users/email-change:undo", undo), 200)
    (reset,) = await mails(shop, person.email, RESET, 1)
    answered(await confirm(shop, token_in(reset, "reset-password"), "another correct horse"), 200)
    back = await Customer(shop, person.id, person.email, "another correct horse", "").sign_in()
    assert (await me(back))["email"] == person.email


async def test_a_password_is_reset_once_and_everybody_is_signed_out(stack: RealStack, shop: Shop) -> None:
    person = await shop.register()
    assert await ask_for_reset(shop, person.email.upper()) == await ask_for_reset(shop, f"no.{person.email}")
    (mail,) = await mails(shop, person.email, RESET, 1)
    token = token_in(mail, "reset-password")
    passwords = [f"new horse {number}" for number in range(4)]
    answers = await asyncio.gather(*(confirm(shop, token, password) for password in passwords))
    (won,) = [password for password, answer in zip(passwords, answers, strict=True) if answer.is_success]
    assert all(is_not_good(answer) for answer in answers if answer.is_error)

    for path in ("/users/me", "/orders", "/notifications"):

        async def status(path: str = path) -> int:
            return (await person.call("GET", path)).status_code

        await until(status, lambda code: code == 401, f"{path} refuses the old session")
    old = await shop.call("POST", "/users/login", {"email": person.email, "password": person.password})
    assert refusal(old).status == 401
    back = await Customer(shop, person.id, person.email, won, "").sign_in()
    assert (await me(back))["emailVerified"] is True
    await assert_stored_nowhere(stack, token)
    assert await shop.mails_to(f"no.{person.email}") == []


async def assert_stored_nowhere(stack: RealStack, token: str) -> None:
    """The token is in the mailbox and nowhere else: not in a log, a topic, a dead letter or a database."""
    for path in stack.stack.logs.glob("*"):
        assert token.encode() not in path.read_bytes(), path.name
    records = [*await bus.records(stack, bus.TOPICS), *await bus.records(stack, bus.DEAD_LETTERS)]
    assert any(record.header("ce_type") == "PASSWORD_RESET_REQUESTED" for record in records)
    assert [record.topic for record in records if token.encode() in record.value] == []
    tables = {
        "user": ("mail_requests", "mailed_tokens", "outbox", "idempotency_keys"),
        "notification": ("messages", "recipients", "inbox"),
    }
    for service, names in tables.items():
        for table, kept in (await contents(stack, service, names)).items():
            assert token not in kept, table
            assert token.encode().hex() not in kept, table


@pytest.mark.parametrize("path", ["/users/password-reset:confirm", "/users/verify-email", "/users/email-change:undo"])
async def test_guesses_are_refused(shop: Shop, path: str) -> None:
    body = {"token": uuid.uuid4().hex, "newPassword": "another correct horse"}
    assert is_not_good(await shop.call("POST", path, body))


async def test_mails_about_orders_obey_and_what_was_sent_is_listed(shop: Shop) -> None:
    person = await shop.register()
    (welcome,) = await mails(shop, person.email, WELCOME, 1)
    assert welcome["html"]
    body = {"preferences": [{"kind": "order_confirmed", "email": False}]}
    found = answered(await person.call("PATCH", "/notifications/preferences", body), 200)
    assert found == await person.get("/notifications/preferences")
    assert [each["kind"] for each in found["preferences"] if not each["email"]] == ["order_confirmed"]
    order = await person.order()
    await person.pay(order)
    await person.until_order_is(order, "confirmed")
    answered(await person.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    await person.until_mailed(order, "Your order has been cancelled")
    refund = await person.until_mailed(order, "Your refund is on its way")
    assert "We refunded 59.98 USD" in refund["text"]

    async def listed() -> list[Json]:
        return list((await person.get("/notifications"))["notifications"])

    sent = await until(listed, lambda found: {each["status"] for each in found} == {"sent"}, "all is sent")
    assert sorted(each["type"] for each in sent) == ["order_cancelled", "payment_refunded", "welcome"]
    assert "Your order is confirmed" not in {mail["subject"] for mail in await shop.mails_to(person.email)}
