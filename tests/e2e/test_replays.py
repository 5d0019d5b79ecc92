"""Every event is delivered again and again, in any order: nothing in any store changes, nobody is told twice.

As after the broker has forgotten how far the groups were, or after letters were sent again long after.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from motor.motor_asyncio import AsyncIOMotorClient

from facts.system import system
from local.kafka.declarations import declared
from services.chassis.events import OutgoingRecord
from services.chassis.producer import Producer
from tests.contract.support import contents
from tests.support import bus, invariants
from tests.support.bus import Record
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import CHALLENGED, DECLINED, VISA, Shop, answered, until

GROUPS = {system()[service].group: {*topics} for service, topics in system().consumers.items()}
# Of each type that anybody handles, and of the others as many as a purchase makes.
TYPES = {
    *("USER_CREATED", "USER_LOGIN", "USER_UPDATED", "USER_DELETED", "SESSION_REVOKED"),
    *("PASSWORD_RESET_REQUESTED", "EMAIL_VERIFICATION_REQUESTED"),
    *("ORDER_CREATED", "ORDER_STATUS_UPDATED"),
    *("PAYMENT_CONFIRMED", "PAYMENT_FAILED", "PAYMENT_REFUNDED", "PAYMENT_REQUIRES_ACTION"),
    *("STOCK_RESERVED", "STOCK_RELEASED"),
}
DATABASES = tuple(one.database for one in system().with_store("postgres"))
TIMES = 3


@pytest.fixture(scope="module")
async def told(shop: Shop, before: Baseline) -> tuple[list[Record], list[str]]:
    """What the bus says of two people who do all that there are events of, once that is done; and their addresses."""
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
    answered(await shop.call("POST", "/users/password-reset", {"email": customer.email}), 200)
    answered(await gone.call("POST", "/users/me/email-verification", {}), 200)
    answered(await (await gone.sign_in()).call("POST", "/users/logout", {}), 200)
    await until(lambda: shop.mails_to(gone.email), bool, "they were welcomed")
    answered(await gone.call("DELETE", "/users/me"), 200)
    keys = {customer.id, gone.id, *(order["id"] for order in orders)}

    async def said() -> list[Record]:
        return [record for record in await bus.records(shop.stack) if record.key.decode(errors="replace") in keys]

    await invariants.hold(shop.stack, before)

    def has_all_types(found: list[Record]) -> bool:
        return {record.header("ce_type") for record in found} >= TYPES

    return await until(said, has_all_types, "all types were published"), [customer.email, gone.email]


async def test_every_event_three_times_more_in_any_order_changes_nothing(
    stack: RealStack, shop: Shop, told: tuple[list[Record], list[str]]
) -> None:
    records, addresses = told
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
        return [row[0] for row in rows if "yoyo" not in row[0]]
    finally:
        await connection.close()
