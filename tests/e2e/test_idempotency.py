"""The same thing asked for again, many times at once: it happens once, and everybody gets the one answer."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable
from functools import partial

import asyncpg
import httpx
import pytest

from tests.support import facts, invariants
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import (
    CHALLENGED,
    VISA,
    Call,
    Customer,
    Json,
    Shop,
    a_person,
    an_order,
    answered,
    final,
    insist,
    refusal,
)

AT_ONCE = 100
ALREADY_EXISTS = 6
pytestmark = pytest.mark.usefixtures("before")


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


async def at_once(call: Call) -> list[httpx.Response]:
    """The answers to a hundred calls. On a busy machine, some are first refused as too much at once."""
    return await asyncio.gather(*(final(call) for _ in range(AT_ONCE)))


def the_one_answer(answers: list[httpx.Response]) -> Json:
    """What all of them were answered, byte for byte."""
    assert Counter(answer.status_code for answer in answers) == {201: len(answers)}, answers[0].text
    (body,) = {answer.content for answer in answers}
    assert body
    return dict(answers[0].json())


async def test_a_hundred_orders_with_one_key_are_one_order(
    shop: Shop, customer: Customer, before: Baseline, key: str
) -> None:
    reserved = len((await facts.gather(shop.stack, before.since)).reservations)
    answers = await at_once(lambda: customer.call("POST", "/orders", an_order(), key=key))
    order = the_one_answer(answers)
    found = await invariants.hold(shop.stack, before)
    assert [one.id for one in found.orders.values() if one.user_id == customer.id] == [order["id"]]
    assert len(found.reservations) == reserved + 1


async def test_a_hundred_payments_with_one_key_are_one_payment(
    shop: Shop, customer: Customer, before: Baseline, key: str
) -> None:
    order = await customer.order()
    body = {"orderId": order["id"], "paymentMethodId": VISA}
    answers = await at_once(lambda: customer.call("POST", "/payments", body, key=key))
    payment = the_one_answer(answers)
    assert payment["status"] == "succeeded"
    counts = await shop.sandbox.counts(order_id=order["id"])
    assert (counts["payment_intents"], counts["amount_captured"]) == ({"total": 1, "succeeded": 1}, 5998)
    await customer.until_order_is(order, "confirmed")
    found = await invariants.hold(shop.stack, before)
    assert [one.id for one in found.payments if one.order_id == order["id"]] == [payment["paymentId"]]


async def test_a_hundred_registrations_with_one_key_are_one_account(shop: Shop, stack: RealStack, key: str) -> None:
    person = a_person()

    def register() -> Awaitable[httpx.Response]:
        return shop.call("POST", "/users/register", person, key=key)

    answers = [answered(answer, 201) for answer in await at_once(register)]
    # Answers that are kept hold no token: everybody gets one of their own.
    (user,) = {tuple(sorted(answer["user"].items())) for answer in answers}
    tokens = {answer["token"] for answer in answers}
    assert len(tokens) == AT_ONCE
    connection = await asyncpg.connect(stack.postgres_url("user"))
    try:
        query = "SELECT count(*) FROM users WHERE lower(email) = $1"
        assert await connection.fetchval(query, person["email"]) == 1
        count = await connection.fetchval("SELECT count(*) FROM outbox WHERE key = $1", dict(user)["id"])
        assert count == 1
    finally:
        await connection.close()
    me = answered(await shop.call("GET", "/users/me", token=tokens.pop()), 200)
    assert me["id"] == dict(user)["id"]


async def test_other_content_under_a_used_key_is_409_and_changes_nothing(
    shop: Shop, customer: Customer, before: Baseline, key: str
) -> None:
    person, order_key, payment_key = a_person(), f"{key}-order", f"{key}-payment"
    answered(await shop.call("POST", "/users/register", person, key=key), 201)
    order, other = await customer.order(key=order_key), await customer.order()
    await customer.pay(order, key=payment_key)
    await customer.until_order_is(order, "confirmed")
    was = await invariants.hold(shop.stack, before)

    refused = await asyncio.gather(
        shop.call("POST", "/users/register", {**person, "lastName": "Other"}, key=key),
        customer.call("POST", "/orders", an_order(quantity=3), key=order_key),
        customer.call("POST", "/payments", {"orderId": other["id"], "paymentMethodId": VISA}, key=payment_key),
        customer.call("POST", "/payments", {"orderId": order["id"], "paymentMethodId": CHALLENGED}, key=payment_key),
    )
    for answer in refused:
        error = refusal(answer)
        assert (error.status, error.code, error.reason) == (409, ALREADY_EXISTS, "IDEMPOTENCY_MISMATCH")
    assert await invariants.hold(shop.stack, before) == was


async def test_a_key_is_its_owners_alone(customer: Customer, stranger: Customer, key: str) -> None:
    mine, theirs = await asyncio.gather(customer.order(key=key), stranger.order(an_order(quantity=1), key=key))
    assert mine["id"] != theirs["id"]
    assert (mine["userId"], theirs["userId"]) == (customer.id, stranger.id)


async def test_a_repeat_gets_the_first_answer_whatever_has_happened_since(customer: Customer, key: str) -> None:
    order = await customer.order(key=f"{key}-order")
    payment = await customer.pay(order, key=f"{key}-payment")
    await customer.until_order_is(order, "confirmed")
    assert await customer.order(key=f"{key}-order") == order
    assert await customer.pay(order, key=f"{key}-payment") == payment


async def test_a_repeat_while_a_challenge_waits_gets_its_secret_again(customer: Customer, key: str) -> None:
    order = await customer.order()
    first = await customer.pay(order, CHALLENGED, key=key)
    assert first["clientSecret"]
    assert await customer.pay(order, CHALLENGED, key=key) == first


async def test_twenty_payments_of_one_order_without_a_key_charge_once(
    shop: Shop, customer: Customer, before: Baseline
) -> None:
    order = await customer.order()
    body = {"orderId": order["id"], "paymentMethodId": VISA}
    answers = await asyncio.gather(*(customer.call("POST", "/payments", body) for _ in range(20)))
    taken = [answer for answer in answers if answer.status_code == 201]
    assert len(taken) == 1, [answer.text for answer in answers]
    reasons = {refusal(answer).reason for answer in answers if answer.status_code != 201}
    assert reasons <= {"PAYMENT_IN_PROGRESS", "ALREADY_PAID"}
    counts = await shop.sandbox.counts(order_id=order["id"])
    assert (counts["payment_intents"], counts["amount_captured"]) == ({"total": 1, "succeeded": 1}, 5998)
    await customer.until_order_is(order, "confirmed")
    await invariants.hold(shop.stack, before)


async def test_a_hundred_orders_with_a_key_each_are_a_hundred_orders(
    shop: Shop, customer: Customer, before: Baseline
) -> None:
    """So that it is the key that made them one above."""
    keys = [str(uuid.uuid4()) for _ in range(AT_ONCE)]
    orders = await asyncio.gather(
        *(insist(partial(customer.call, "POST", "/orders", an_order(1), key=key), 201) for key in keys)
    )
    assert len({order["id"] for order in orders}) == AT_ONCE
    found = await invariants.hold(shop.stack, before)
    assert {order["id"] for order in orders} <= found.orders.keys()
