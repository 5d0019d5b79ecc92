"""Every event is delivered again and again, in any order: no store changes, no mail is sent twice.

At once, while stores still work on the first delivery, as when groups change their members; and later, as after the
broker has forgotten how far the groups were, or after letters were sent again.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from motor.motor_asyncio import AsyncIOMotorClient

from facts.system import system
from local.kafka.declarations import declared
from services.chassis.bus.events import OutgoingRecord, header
from services.chassis.bus.producer import Producer
from tests.contract.support import contents
from tests.support import bus, invariants
from tests.support.bus import Record
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import CHALLENGED, DECLINED, VISA, Customer, Json, Shop, answered, until

GROUPS = {system()[service].group: {*topics} for service, topics in system().consumers.items()}
# Of each type that anybody handles, and of the others as many as a purchase makes.
TYPES = {
    *("USER_CREATED", "USER_LOGIN", "USER_UPDATED", "USER_DELETED", "SESSION_REVOKED"),
    *("PASSWORD_RESET_REQUESTED", "EMAIL_VERIFICATION_REQUESTED", "EMAIL_CHANGE_REQUESTED"),
    *("ORDER_CREATED", "ORDER_STATUS_UPDATED"),
    *("PAYMENT_CONFIRMED", "PAYMENT_FAILED", "PAYMENT_REFUNDED", "PAYMENT_REQUIRES_ACTION"),
    *("STOCK_RESERVED", "STOCK_RELEASED"),
}
DATABASES = tuple(one.database for one in system().with_store("postgres"))
TIMES = 3


@dataclass(frozen=True)
class Lives:
    """Two people who have done all that there are events of."""

    customer: Customer
    gone: Customer
    orders: Mapping[str, Json]
    """By what became of each."""

    @property
    def keys(self) -> set[str]:
        """Of the events about them."""
        return {self.customer.id, self.gone.id, *(order["id"] for order in self.orders.values())}

    async def records(self) -> list[Record]:
        """All records on the bus about them, duplicates too."""
        records = await bus.records(self.customer.shop.stack)
        return [record for record in records if record.key.decode(errors="replace") in self.keys]


async def live(shop: Shop) -> Lives:
    """Do all that there are events of; returns when the bus has one of each type."""
    customer = await (await shop.register()).sign_in()
    gone = await shop.register()
    orders = [await customer.order() for _ in range(4)]
    bought, declined, called_off, challenged = orders
    await customer.pay(bought, VISA)
    await customer.pay(declined, DECLINED)
    await customer.pay(called_off, VISA)
    payment = await customer.pay(challenged, CHALLENGED)
    await customer.approve(payment)
    await customer.confirm(payment)
    await customer.until_order_is(called_off, "confirmed")
    cancelled = {"status": "cancelled"}
    answered(await customer.call("PATCH", f"/orders/{called_off['id']}/status", cancelled), 200)
    answered(await customer.call("PATCH", "/users/me", {"firstName": "Augusta"}), 200)
    change = {"email": f"new.{customer.email}", "currentPassword": customer.password}
    answered(await customer.call("PATCH", "/users/me", change), 200)
    answered(await shop.call("POST", "/users/password-reset", {"email": customer.email}), 200)
    answered(await gone.call("POST", "/users/me/email-verification", {}), 200)
    answered(await (await gone.sign_in()).call("POST", "/users/logout", {}), 200)
    await until(lambda: shop.mails_to(gone.email), bool, "they were welcomed")
    answered(await gone.call("DELETE", "/users/me"), 200)
    names = ("bought", "declined", "called off", "challenged")
    lives = Lives(customer, gone, dict(zip(names, orders, strict=True)))

    def has_all_types(found: list[Record]) -> bool:
        return {record.header("ce_type") for record in found} >= TYPES

    await until(lives.records, has_all_types, "all types were published")
    return lives


@pytest.fixture(scope="module")
async def once(stack: RealStack, shop: Shop, before: Baseline) -> tuple[Lives, Mapping[str, Any]]:
    """Such lives, of which every event was delivered once, and how they ended."""
    lives = await live(shop)
    return lives, await end_of(lives, stack, before)


async def test_every_event_three_times_at_its_first_delivery_ends_as_once(
    stack: RealStack, shop: Shop, before: Baseline, once: tuple[Lives, Mapping[str, Any]]
) -> None:
    """The repeats come while the stores still work on the first: later than it, and in any order."""
    _, end = once
    async with each_three_times(stack, random.Random(4711)):
        lives = await live(shop)
        await invariants.hold(stack, before)
    assert await end_of(lives, stack, before) == end
    times = Counter((record.topic, record.header("ce_id")) for record in await lives.records())
    assert set(times.values()) == {TIMES}


@asynccontextmanager
async def each_three_times(stack: RealStack, chance: random.Random) -> AsyncIterator[None]:
    """While this lasts, each event is sent twice more soon after it was published; all of them by the end."""
    topics = [topic for topic in declared() if topic.name in bus.TOPICS]
    places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=stack.kafka_bootstrap, enable_auto_commit=False) as consumer:
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, end)
        producer = Producer(stack.kafka_bootstrap, "repeat")
        await producer.start()
        repeating = asyncio.create_task(repeat(consumer, producer, chance, ended := asyncio.Event()))
        try:
            yield
        finally:
            ended.set()
            await repeating
            await producer.stop()


async def repeat(consumer: AIOKafkaConsumer, producer: Producer, chance: random.Random, ended: asyncio.Event) -> None:
    """Send a half of the repeats that wait, drawn by chance, whenever there may be new events."""
    seen: set[tuple[str, str | None]] = set()
    waiting: list[OutgoingRecord] = []
    while True:
        arrived = [record for batch in (await consumer.getmany(timeout_ms=20)).values() for record in batch]
        for record in arrived:
            event = record.topic, header(record.headers, "ce_id")
            if event not in seen:
                seen.add(event)
                copy = OutgoingRecord(record.topic, record.key, record.value, tuple(record.headers))
                waiting += [copy] * (TIMES - 1)
        if ended.is_set() and not (arrived or waiting):
            return
        chance.shuffle(waiting)
        half = (len(waiting) + 1) // 2
        now, waiting = waiting[:half], waiting[half:]
        for record in now:
            await producer.send(record)


async def end_of(lives: Lives, stack: RealStack, before: Baseline) -> Mapping[str, Any]:
    """How lives have ended, in words that are the same for equal ones."""
    await until(lambda: behind(stack), lambda messages: messages == 0, "everything is handled")
    await until_at_rest(stack)
    found = await invariants.hold(stack, before)
    orders = {name: order_end(found, order["id"]) for name, order in lives.orders.items()}
    mails = await lives.customer.shop.mails_to(lives.customer.email)
    return {
        **orders,
        "events": Counter(event.type for event in found.outboxes if event.key in lives.keys),
        "mails": sorted(mail["subject"] for mail in mails),
        # Whether one was sent before its reader was gone is a matter of moments.
        "messages": sorted(await messages_to(lives.gone, stack)),
    }


def order_end(found: Facts, order_id: str) -> Any:
    """What each store has of an order."""
    order, reservation = found.orders[order_id], found.reservations[order_id]
    payments = [one for one in found.payments if one.order_id == order_id]
    return (
        [(commit.version, commit.type, commit.status) for commit in order.commits],
        order.shown_status,
        (reservation.status, reservation.quantities),
        [(one.status, one.amount, one.captured, one.refunded, one.late) for one in payments],
        [(one.status, one.captured, one.refunded, one.charges) for one in found.charged if one.order_id == order_id],
        sorted((one.type, one.status, one.mails) for one in found.messages if one.order_id == order_id),
    )


async def messages_to(person: Customer, stack: RealStack) -> list[str]:
    """The types of all messages that were ever written to somebody."""
    connection = await asyncpg.connect(stack.postgres_url("notification"))
    try:
        rows = await connection.fetch("SELECT type FROM messages WHERE user_id = $1::uuid", person.id)
        return [row["type"] for row in rows]
    finally:
        await connection.close()


async def test_every_event_three_times_more_in_any_order_changes_nothing(
    stack: RealStack, shop: Shop, once: tuple[Lives, Mapping[str, Any]]
) -> None:
    lives, _ = once
    records, addresses = await lives.records(), [lives.customer.email, lives.gone.email]
    await until(lambda: behind(stack), lambda messages: messages == 0, "everything is handled")
    stores, mails = await until_at_rest(stack), [await shop.mails_to(address) for address in addresses]
    letters = len(await bus.records(stack, bus.DEAD_LETTERS))
    again = records * TIMES
    random.Random(4711).shuffle(again)
    producer = Producer(stack.kafka_bootstrap, "replay")
    await producer.start()
    for record in again:
        await producer.send(OutgoingRecord(record.topic, record.key, record.value, record.headers))
    await producer.stop()
    await until(lambda: behind(stack), lambda messages: messages == 0, "everything is handled again")
    assert await until_at_rest(stack) == stores
    assert [await shop.mails_to(address) for address in addresses] == mails
    assert len(await bus.records(stack, bus.DEAD_LETTERS)) == letters


_CURSORS = "reconciliation_cursors"
"""Where the comparison in the background is: it moves on with time, whatever events come."""


async def behind(stack: RealStack) -> int:
    """How many messages the groups have not committed yet, together."""
    total = 0
    partitions = {topic.name: topic.partitions for topic in declared()}
    for group, topics in GROUPS.items():
        async with AIOKafkaConsumer(
            bootstrap_servers=stack.kafka_bootstrap, group_id=group, enable_auto_commit=False
        ) as consumer:
            places = [TopicPartition(topic, number) for topic in topics for number in range(partitions[topic])]
            for place, end in (await consumer.end_offsets(places)).items():
                total += end - (await consumer.committed(place) or 0)
    return total


async def until_at_rest(stack: RealStack) -> Mapping[str, Any]:
    """What is in the stores, once it is the same twice: what events set going has ended."""
    found = await stores_of(stack)
    while True:
        await asyncio.sleep(3)
        now = await stores_of(stack)
        if now == found:
            return now
        found = now


async def stores_of(stack: RealStack) -> Mapping[str, Any]:
    """Every table of every service, and both collections of orders."""
    found: dict[str, Any] = {}
    for database in DATABASES:
        found |= {
            f"{database}.{table}": rows
            for table, rows in (await contents(stack, database, await tables_of(stack, database))).items()
        }
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(stack.mongo_url("orders"))
    try:
        for name in ("commits", "orders"):
            # A commit is `settled` when its place in the lists was compared, some seconds later: no event's doing.
            documents = await client.get_default_database()[name].find({}, {"settled": False}).to_list(None)
            found[f"order.{name}"] = sorted(json.dumps(one, default=str, sort_keys=True) for one in documents)
    finally:
        client.close()
    return found


async def tables_of(stack: RealStack, database: str) -> list[str]:
    connection = await asyncpg.connect(stack.postgres_url(database))
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [row[0] for row in rows if "yoyo" not in row[0] and row[0] != _CURSORS]
    finally:
        await connection.close()
