"""What travels on Kafka, read as anybody would: topics, keys, headers and messages are those of the contract."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from argosy.event.v1 import inventory_events_pb2, order_events_pb2, payment_events_pb2, user_events_pb2
from facts.system import system, topic_of
from tests.support import bus, invariants
from tests.support.bus import Record
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import CHALLENGED, DECLINED, VISA, Customer, Json, Shop, answered, until

# Of each type of events: its topic, its key, its publisher, and its message.
CONTRACT: Mapping[str, tuple[str, str, str, Any]] = {
    "USER_CREATED": ("user-events", "userId", "user", user_events_pb2.UserCreated),
    "USER_LOGIN": ("user-events", "userId", "user", user_events_pb2.UserLogin),
    "ORDER_CREATED": ("order-events", "orderId", "order", order_events_pb2.OrderCreated),
    "ORDER_STATUS_UPDATED": ("order-events", "orderId", "order", order_events_pb2.OrderStatusUpdated),
    "PAYMENT_CONFIRMED": ("payment-events", "orderId", "payment", payment_events_pb2.PaymentConfirmed),
    "PAYMENT_FAILED": ("payment-events", "orderId", "payment", payment_events_pb2.PaymentFailed),
    "PAYMENT_REFUNDED": ("payment-events", "orderId", "payment", payment_events_pb2.PaymentRefunded),
    "PAYMENT_REQUIRES_ACTION": ("payment-events", "orderId", "payment", payment_events_pb2.PaymentRequiresAction),
    "STOCK_RESERVED": ("inventory-events", "orderId", "inventory", inventory_events_pb2.StockReserved),
    "STOCK_RELEASED": ("inventory-events", "orderId", "inventory", inventory_events_pb2.StockReleased),
}
PARTITIONS = {topic_of(one.name): one.topic.partitions for one in system().services if one.topic is not None}
TOPICS = {topic for topic, *_ in CONTRACT.values()}
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


def content_of(record: Record) -> Json:
    """The message, in the contract's JSON."""
    message = CONTRACT[record.header("ce_type")][3].FromString(record.value)
    found: Json = MessageToDict(message, always_print_fields_with_no_presence=True)
    return found


@pytest.fixture(scope="module")
async def story(shop: Shop, before: Baseline) -> tuple[Customer, dict[str, Json]]:
    """Somebody signs in, buys, is declined, is challenged, and calls off what was paid."""
    customer = await (await shop.register()).sign_in()
    names = ("bought", "declined", "challenged", "called off")
    orders = dict(zip(names, await asyncio.gather(*(customer.order() for _ in names)), strict=True))
    await asyncio.gather(
        customer.pay(orders["bought"], VISA),
        customer.pay(orders["declined"], DECLINED),
        customer.pay(orders["challenged"], CHALLENGED),
        customer.pay(orders["called off"], VISA),
    )
    await customer.until_order_is(orders["called off"], "confirmed")
    cancel = await customer.call("PATCH", f"/orders/{orders['called off']['id']}/status", {"status": "cancelled"})
    answered(cancel, 200)

    async def refunded() -> str:
        found = await customer.get(f"/payments?orderId={orders['called off']['id']}")
        return str(found["payments"][0]["status"])

    await until(refunded, lambda status: status == "refunded", "the money is back")
    await invariants.hold(shop.stack, before)
    return customer, orders


@pytest.fixture(scope="module")
async def published(stack: RealStack, story: tuple[Customer, dict[str, Json]]) -> list[Record]:
    """The records on the bus about them."""
    customer, orders = story
    keys = {customer.id, *(order["id"] for order in orders.values())}
    return [record for record in await bus.records(stack) if record.topic in TOPICS and record.key.decode() in keys]


def test_every_type_is_on_its_topic_under_its_key(published: list[Record]) -> None:
    assert {record.header("ce_type") for record in published} == set(CONTRACT)
    for record in published:
        topic, key, service, _ = CONTRACT[record.header("ce_type")]
        assert record.topic == topic
        assert record.key.decode() == content_of(record)[key]
        assert record.header("ce_source") == f"/argosy/{service}"


def test_one_key_is_on_one_partition(published: list[Record]) -> None:
    places: dict[tuple[str, bytes], set[int]] = {}
    for record in published:
        places.setdefault((record.topic, record.key), set()).add(record.partition)
        assert 0 <= record.partition < PARTITIONS[record.topic]
    assert {len(partitions) for partitions in places.values()} == {1}


def test_headers_are_cloudevents(published: list[Record]) -> None:
    for record in published:
        names = [name for name, _ in record.headers]
        assert len(names) == len(set(names))
        assert set(names) - {"ce_sequence"} == {
            *("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"),
            *("content-type", "traceparent"),
        }
        assert record.header("ce_specversion") == "1.0"
        assert record.header("content-type") == "application/protobuf"
        assert str(uuid.UUID(record.header("ce_id"))) == record.header("ce_id")
        assert str(uuid.UUID(record.header("ce_subject"))) == record.header("ce_subject")
        assert TRACEPARENT.fullmatch(record.header("traceparent"))
        at = datetime.fromisoformat(record.header("ce_time"))
        assert timedelta() < datetime.now(UTC) - at < timedelta(days=1)
    assert len({record.header("ce_id") for record in published}) == len(published)


def test_an_orders_events_are_in_sequence(published: list[Record], story: tuple[Customer, dict[str, Json]]) -> None:
    happened = {
        name: [
            (record.header("ce_sequence"), record.header("ce_type"), content_of(record).get("status"))
            for record in published
            if record.topic == "order-events" and record.key.decode() == order["id"]
        ]
        for name, order in story[1].items()
    }
    created = ("1", "ORDER_CREATED", None)
    assert happened == {
        "bought": [created, ("2", "ORDER_STATUS_UPDATED", "confirmed")],
        "declined": [created, ("2", "ORDER_STATUS_UPDATED", "cancelled")],
        "challenged": [created],
        "called off": [
            created,
            ("2", "ORDER_STATUS_UPDATED", "confirmed"),
            ("3", "ORDER_STATUS_UPDATED", "cancelled"),
        ],
    }


def test_messages_have_what_the_contract_promises(
    published: list[Record], story: tuple[Customer, dict[str, Json]]
) -> None:
    customer, orders = story

    def about(kind: str, order: str) -> Json:
        (found,) = [r for r in published if r.header("ce_type") == kind and r.key.decode() == orders[order]["id"]]
        return content_of(found)

    (created,) = [content_of(record) for record in published if record.header("ce_type") == "USER_CREATED"]
    uuid.UUID(created.pop("verificationId"))  # raises when it is none
    assert created == {"userId": customer.id, "email": customer.email, "name": "Ada Tour"}
    bought = orders["bought"]["id"]
    items = [{"productId": "prod-123", "quantity": 2}]
    assert about("ORDER_CREATED", "bought") == {
        "orderId": bought,
        "userId": customer.id,
        "totalAmount": "59.98",
        "currency": "USD",
        "items": [{**items[0], "price": "29.99"}],
    }
    assert about("STOCK_RESERVED", "bought") == {"orderId": bought, "items": items}
    confirmed = about("PAYMENT_CONFIRMED", "bought")
    assert confirmed.pop("stripePaymentIntentId").startswith("pi_")
    assert {**confirmed, "paymentId": ""} == {
        "orderId": bought, "paymentId": "", "userId": customer.id, "amount": "59.98", "currency": "USD",
    }  # fmt: skip
    declined = about("PAYMENT_FAILED", "declined")
    assert declined["errorCode"] == "generic_decline"
    assert declined["error"] == "The card was declined. Please use another card, or ask your bank."
    assert declined["stripePaymentIntentId"].startswith("pi_")
    assert about("STOCK_RELEASED", "declined") == {
        "orderId": orders["declined"]["id"], "items": items, "reason": "cancelled",
    }  # fmt: skip
    assert about("PAYMENT_REQUIRES_ACTION", "challenged")["userId"] == customer.id
    assert about("PAYMENT_REFUNDED", "called off")["amount"] == "59.98"


async def test_nothing_became_a_dead_letter(stack: RealStack, before: Baseline, published: list[Record]) -> None:
    assert len(await bus.records(stack, bus.DEAD_LETTERS)) == before.dead_letters
