"""kill -9, in the middle of purchases: every part comes back, every purchase ends right, nothing happens twice.

Customers here do what clients should: whatever was not answered is asked again under the same Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx
import pytest

from facts.system import system
from tests.support import invariants
from tests.support.invariants import Baseline
from tests.support.parts import Parts
from tests.support.real_stack import RealStack
from tests.support.shop import (
    CHALLENGED,
    DECLINED,
    SLOW,
    VISA,
    Call,
    Customer,
    Json,
    Shop,
    T,
    a_person,
    an_order,
    insist,
    refusal,
    until,
)

_STRIPE_SECONDS = 0.3
"""What Stripe takes for each answer, so that something is under way whenever one looks."""

CARDS = {VISA: "confirmed", CHALLENGED: "confirmed", SLOW: "confirmed", DECLINED: "cancelled"}
BASKET = (VISA, VISA, VISA, CHALLENGED, SLOW, DECLINED)
"""What is bought at once."""


@pytest.fixture
def parts(stack: RealStack) -> Parts:
    return Parts(stack)


@pytest.fixture
async def before(stack: RealStack) -> Baseline:
    """How things stood before each of these tests."""
    return await invariants.baseline(stack)


@dataclass
class Progress:
    """How far a set of purchases has come."""

    steps: Counter[str] = field(default_factory=Counter)

    async def reached(self, step: str, times: int) -> None:
        """Wait for so many purchases to have come so far."""

        async def look() -> int:
            return self.steps[step]

        await until(look, lambda count: count >= times, f"{times} times {step}")


async def buy(shop: Shop, card: str, progress: Progress) -> None:
    """Register, order, pay, and see the order end as it should with that card."""
    key, person = str(uuid.uuid4()), a_person()
    registered = await insist(lambda: shop.call("POST", "/users/register", person, key=key), 201)
    customer = Customer(shop, registered["user"]["id"], person["email"], person["password"], registered["token"])
    progress.steps["registered"] += 1
    order = await insist(lambda: customer.call("POST", "/orders", an_order(), key=key), 201)
    progress.steps["ordered"] += 1
    body = {"orderId": order["id"], "paymentMethodId": card}
    payment = await insist(lambda: customer.call("POST", "/payments", body, key=key), 201)
    progress.steps["paid"] += 1
    if card == CHALLENGED:
        await pass_challenge(customer, payment)

    async def look() -> str:
        found = await insist(lambda: customer.call("GET", f"/orders/{order['id']}"), 200)
        return str(found["status"])

    await until(look, lambda status: status == CARDS[card], f"order {order['id']} is {CARDS[card]}")


async def pass_challenge(customer: Customer, payment: Json) -> None:
    """Wait for the bank's challenge, which may come later, approve it, however often that takes, and print that."""
    path = f"/payments/{payment['paymentId']}"

    async def ask() -> Json:
        return await insist(lambda: customer.call("POST", f"{path}:confirm", {}), 200)

    challenge = await until(ask, lambda found: found["status"] == "requires_action", "a challenge")

    async def approve() -> bool:
        """Whether the money was taken: pressing a button twice is no harm, and not knowing is asking again."""
        intent_id = challenge["clientSecret"].partition("_secret_")[0]
        try:
            intent = await customer.shop.sandbox.intent(intent_id)
            if intent["status"] == "requires_action":
                await customer.approve(challenge)
        except httpx.TransportError:
            return False
        return bool(intent["status"] == "succeeded")

    await until(approve, bool, "the challenge is passed")
    assert (await ask())["status"] == "succeeded"


async def buy_while(shop: Shop, hurt: Callable[[Progress], Awaitable[None]]) -> None:
    """Buy a basket of things at once, while something happens to the system."""
    progress = Progress()
    await shop.sandbox.control(latency_seconds=_STRIPE_SECONDS)
    async with asyncio.TaskGroup() as at_once:
        for card in BASKET:
            at_once.create_task(buy(shop, card, progress))
        at_once.create_task(_as_coroutine(hurt(progress)))


async def _as_coroutine(work: Awaitable[T]) -> T:
    return await work


@asynccontextmanager
async def locked(stack: RealStack, service: str, lock: str) -> AsyncIterator[asyncpg.Connection]:
    """A lock in a service's database, held meanwhile: a place where its process waits to be killed."""
    connection = await asyncpg.connect(stack.postgres_url("postgres", service))
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(lock)
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def waits_for_lock(stack: RealStack, service: str) -> None:
    """Return when somebody waits for a lock in a service's database."""
    connection = await asyncpg.connect(stack.postgres_url("postgres", service))
    query = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE NOT granted AND datname = $1"
    try:

        async def look() -> int:
            return int(await connection.fetchval(query, service))

        await until(look, bool, f"a process of {service} waits")
    finally:
        await connection.close()


async def captured(shop: Shop, order: Json) -> None:
    """Return when Stripe has taken the money for an order."""

    async def look() -> int:
        return int((await shop.sandbox.counts(order_id=order["id"]))["amount_captured"])

    await until(look, bool, f"order {order['id']} is charged")


@asynccontextmanager
async def before_the_outcome_is_stored(
    shop: Shop, order: Json, paying: Call
) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """A moment at which Stripe has charged, and the payment service has the answer and has not committed it.

    Its transaction stops at a table that what is stored before Stripe is asked does not touch. The block gets what
    the customer waits for.
    """
    async with locked(shop.stack, "payment", "LOCK TABLE payment_attempts IN ACCESS EXCLUSIVE MODE") as connection:
        unanswered = asyncio.create_task(_as_coroutine(paying()))
        await waits_for_lock(shop.stack, "payment")
        await captured(shop, order)
        query = "SELECT status FROM payments WHERE order_id = $1"
        assert await connection.fetchval(query, uuid.UUID(order["id"])) == "processing"
        yield unanswered


async def the_payment_took_effect_once(shop: Shop, customer: Customer, order: Json, paying: Call) -> None:
    """A repeat is answered as if nothing had happened, and Stripe was asked for one charge."""
    payment = await insist(paying, 201)
    assert payment["status"] == "succeeded"
    await customer.until_order_is(order, "confirmed")
    counts = await shop.sandbox.counts(order_id=order["id"])
    assert (counts["payment_intents"], counts["amount_captured"]) == ({"total": 1, "succeeded": 1}, 5998)


@pytest.fixture
async def fresh(shop: Shop) -> Customer:
    """Somebody who has bought nothing yet."""
    return await shop.register()


async def test_payment_is_killed_between_the_charge_and_stripes_answer(
    shop: Shop, parts: Parts, fresh: Customer, before: Baseline
) -> None:
    order, key = await fresh.order(), str(uuid.uuid4())

    def paying() -> Awaitable[httpx.Response]:
        return fresh.call("POST", "/payments", {"orderId": order["id"], "paymentMethodId": VISA}, key=key)

    await shop.sandbox.hold_next_answers(seconds=3600)
    first = asyncio.create_task(insist(paying, 201))
    await captured(shop, order)
    killed = await parts.kill("payment")
    await parts.until_back("payment", killed)
    await the_payment_took_effect_once(shop, fresh, order, paying)
    assert (await first)["status"] == "succeeded"
    await invariants.hold(shop.stack, before)


async def test_payment_is_killed_between_stripes_answer_and_its_commit(
    shop: Shop, parts: Parts, fresh: Customer, before: Baseline
) -> None:
    order, key = await fresh.order(), str(uuid.uuid4())

    def paying() -> Awaitable[httpx.Response]:
        return fresh.call("POST", "/payments", {"orderId": order["id"], "paymentMethodId": VISA}, key=key)

    async with before_the_outcome_is_stored(shop, order, paying) as unanswered:
        killed = await parts.kill("payment")
        assert refusal(await unanswered).status == 503
    await parts.until_back("payment", killed)
    await the_payment_took_effect_once(shop, fresh, order, paying)
    await invariants.hold(shop.stack, before)


async def test_payment_is_killed_and_the_customer_never_asks_again(
    shop: Shop, parts: Parts, fresh: Customer, before: Baseline
) -> None:
    """Then it is the reconciler that ends it."""
    order = await fresh.order()
    await shop.sandbox.control(webhooks_stopped=True)

    def paying() -> Awaitable[httpx.Response]:
        return fresh.call("POST", "/payments", {"orderId": order["id"], "paymentMethodId": VISA})

    async with before_the_outcome_is_stored(shop, order, paying) as unanswered:
        killed = await parts.kill("payment")
        assert refusal(await unanswered).status == 503
    await parts.until_back("payment", killed)
    await fresh.until_order_is(order, "confirmed")
    (payment,) = (await fresh.get("/payments"))["payments"]
    assert (payment["orderId"], payment["status"]) == (order["id"], "succeeded")
    await invariants.hold(shop.stack, before)


async def test_order_is_killed_between_holding_the_stock_and_storing_the_order(
    shop: Shop, parts: Parts, fresh: Customer, before: Baseline
) -> None:
    key = str(uuid.uuid4())

    def ordering() -> Awaitable[httpx.Response]:
        return fresh.call("POST", "/orders", an_order(), key=key)

    table = await commits_table(shop.stack)
    async with locked(shop.stack, "ferretdb", f"LOCK TABLE {table} IN EXCLUSIVE MODE"):
        first = asyncio.create_task(insist(ordering, 201))
        await waits_for_lock(shop.stack, "ferretdb")
        killed = await parts.kill("order")
    await parts.until_back("order", killed)
    order = await insist(ordering, 201)
    assert await first == order
    found = await invariants.hold(shop.stack, before)
    assert [one.id for one in found.orders.values() if one.user_id == fresh.id] == [order["id"]]
    held = found.stock["prod-123"].promised - before.stock["prod-123"].promised
    assert held == 2, "the stock is held once"


async def commits_table(stack: RealStack) -> str:
    """The table that the document store keeps the orders' commits in."""
    connection = await asyncpg.connect(stack.postgres_url("postgres", "ferretdb"))
    try:
        found = await connection.fetchval(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'orders' AND tablename LIKE 'commits%'"
        )
    finally:
        await connection.close()
    assert found
    return str(found)


@pytest.mark.parametrize(
    ("part", "step", "times"),
    [
        ("user", "registered", 1),
        ("inventory", "ordered", 1),
        ("order", "ordered", 1),
        ("ferretdb", "ordered", 1),
        ("postgres", "ordered", 2),
        ("edge", "ordered", 2),
        ("payment", "ordered", 3),
        ("stripe", "ordered", 3),
        ("kafka", "paid", 1),
        ("notification", "paid", 2),
        ("mail", "paid", 2),
    ],
)
async def test_a_part_is_killed_in_the_middle_of_purchases(
    shop: Shop, parts: Parts, before: Baseline, part: str, step: str, times: int
) -> None:
    others = {name: pid for name, pid in parts.pids().items() if name != part}

    async def hurt(progress: Progress) -> None:
        await progress.reached(step, times)
        killed = await parts.kill(part)
        await parts.until_back(part, killed)

    await buy_while(shop, hurt)
    found = await invariants.hold(shop.stack, before, mail_may_repeat=True)
    assert len(found.orders) == len(BASKET)
    survived = {name: pid for name, pid in parts.pids().items() if name != part}
    assert survived == others, "nobody else fell over"


@pytest.mark.parametrize(
    "victims",
    [
        system().names,
        ("postgres", "ferretdb", "kafka"),
        (
            *system().names,
            *("postgres", "ferretdb", "kafka", "stripe", "mail", "edge"),
        ),
    ],
    ids=["services", "stores", "everything"],
)
async def test_many_parts_are_killed_at_once(
    shop: Shop, parts: Parts, before: Baseline, victims: Sequence[str]
) -> None:
    async def hurt(progress: Progress) -> None:
        await progress.reached("ordered", 3)
        killed = await asyncio.gather(*(parts.kill(name) for name in victims))
        await asyncio.gather(*(parts.until_back(name, pid) for name, pid in zip(victims, killed, strict=True)))

    await buy_while(shop, hurt)
    found = await invariants.hold(shop.stack, before, mail_may_repeat=True)
    assert len(found.orders) == len(BASKET)
