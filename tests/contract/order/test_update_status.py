"""UpdateOrderStatus, and what payments' events do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.message import Message

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from argosy.event.v1.payment_events_pb2 import PaymentConfirmed, PaymentFailed
from argosy.order.v1 import order_pb2, order_pb2_grpc
from services.chassis.bus import events
from services.chassis.bus.producer import Producer
from services.chassis.plain import clock
from tests.contract.order.conftest import People, events_of
from tests.contract.support import SignedIn, fields, refused
from tests.support.real_stack import RealStack

Orders = order_pb2_grpc.OrderServiceStub
Update = order_pb2.UpdateOrderStatusRequest


async def move(orders: Orders, who: SignedIn, order: order_pb2.Order, *statuses: str) -> order_pb2.Order:
    moved = order
    for status in statuses:
        moved = await orders.UpdateOrderStatus(Update(id=order.id, status=status), metadata=who.metadata)
    return moved


async def test_staff_move_an_order_to_its_end(orders: Orders, people: People, order: order_pb2.Order) -> None:
    delivered = await move(orders, people.staff, order, "confirmed", "shipped", "delivered")
    assert delivered.status == "delivered"
    assert delivered.updated_at.ToDatetime() >= order.updated_at.ToDatetime()
    assert (delivered.created_at, delivered.items, delivered.user_id) == (
        order.created_at,
        order.items,
        people.owner.id,
    )


async def test_the_owner_cancels_by_an_id_in_capitals(orders: Orders, people: People, order: order_pb2.Order) -> None:
    request = Update(id=order.id.upper(), status="cancelled")
    assert (await orders.UpdateOrderStatus(request, metadata=people.owner.metadata)).status == "cancelled"


async def test_each_step_is_announced_in_sequence(
    orders: Orders, people: People, stack: RealStack, order: order_pb2.Order
) -> None:
    await move(orders, people.staff, order, "confirmed", "confirmed")
    await move(orders, people.owner, order, "cancelled", "cancelled")

    records = await events_of(stack, order.id, 3)

    assert [record.header("ce_sequence") for record in records] == ["1", "2", "3"]
    assert [OrderStatusUpdated.FromString(record.value) for record in records[1:]] == [
        OrderStatusUpdated(
            order_id=order.id, user_id=people.owner.id, status="confirmed", previous_status="pending", reason="by_staff"
        ),
        OrderStatusUpdated(
            order_id=order.id,
            user_id=people.owner.id,
            status="cancelled",
            previous_status="confirmed",
            reason="by_owner",
        ),
    ]


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ([], "shipped"),
        ([], "delivered"),
        (["confirmed"], "delivered"),
        (["confirmed", "shipped"], "confirmed"),
        (["confirmed", "shipped"], "cancelled"),
        (["confirmed", "shipped", "delivered"], "cancelled"),
        (["cancelled"], "confirmed"),
        (["cancelled"], "shipped"),
    ],
)
async def test_no_other_step_is_possible(
    orders: Orders, people: People, order: order_pb2.Order, way: list[str], status: str
) -> None:
    before = await move(orders, people.staff, order, *way)
    refusal = await refused(move(orders, people.staff, order, status))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION")
    assert await orders.GetOrder(order_pb2.GetOrderRequest(id=order.id), metadata=people.owner.metadata) == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("status", ["", "pending", "lost", "Cancelled"])
async def test_what_is_no_state_to_move_to_is_refused(
    orders: Orders, people: People, order: order_pb2.Order, status: str
) -> None:
    refusal = await refused(move(orders, people.staff, order, status))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["status"])


@pytest.mark.usefixtures("unchanged")
async def test_what_is_no_id_is_refused(orders: Orders, people: People) -> None:
    call = orders.UpdateOrderStatus(Update(id="o1", status="cancelled"), metadata=people.staff.metadata)
    refusal = await refused(call)
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["id"])


async def test_many_who_move_it_at_once_find_one_way(orders: Orders, people: People, order: order_pb2.Order) -> None:
    steps = ["confirmed", "cancelled", "shipped"] * 7
    await asyncio.gather(*(move(orders, people.staff, order, step) for step in steps), return_exceptions=True)
    request = order_pb2.GetOrderHistoryRequest(id=order.id)
    history = await orders.GetOrderHistory(request, metadata=people.owner.metadata)
    way = ["pending", *(event.data["status"] for event in history.events[1:])]
    assert [event.data["previousStatus"] for event in history.events[1:]] == way[:-1]
    assert way in (["pending", "cancelled"], ["pending", "confirmed", "cancelled"], ["pending", "confirmed", "shipped"])


@pytest.fixture
async def producer(stack: RealStack) -> AsyncIterator[Producer]:
    """Stands for payment's."""
    producer = Producer(stack.kafka_bootstrap, "test")
    await producer.start()
    yield producer
    await producer.stop()


async def publish(producer: Producer, message: Message, order_id: str, event_id: uuid.UUID | None = None) -> None:
    """Publish an event of the payment service on an order."""
    await producer.send(
        events.encode(
            message,
            id=event_id or uuid.uuid4(),
            source="/argosy/payment",
            time=clock.now(),
            subject=order_id,
            key=order_id,
        )
    )


async def history_of(orders: Orders, people: People, order_id: str, length: int) -> list[order_pb2.OrderHistoryEvent]:
    """The order's history, as soon as it is so long."""
    request = order_pb2.GetOrderHistoryRequest(id=order_id)
    async with asyncio.timeout(60):
        while True:
            history = await orders.GetOrderHistory(request, metadata=people.staff.metadata)
            if len(history.events) >= length:
                return list(history.events)
            await asyncio.sleep(0.1)


async def test_payments_outcomes_move_orders_once(
    orders: Orders, people: People, producer: Producer, order: order_pb2.Order
) -> None:
    confirmed = PaymentConfirmed(order_id=order.id, payment_id=str(uuid.uuid4()), amount="25.00", currency="USD")
    event_id = uuid.uuid4()
    for _ in range(3):
        await publish(producer, confirmed, order.id, event_id)
    # Too late to move it: it stays confirmed. The next one of its key proves that this one is through.
    await publish(producer, PaymentFailed(order_id=order.id, error="card_declined"), order.id)
    await publish(producer, confirmed, order.id)
    await history_of(orders, people, order.id, 2)
    await move(orders, people.owner, order, "cancelled")

    history = await history_of(orders, people, order.id, 3)
    assert [event.data["reason"] for event in history[1:]] == ["paid", "by_owner"]


async def test_a_failed_payment_cancels(
    orders: Orders, people: People, producer: Producer, order: order_pb2.Order
) -> None:
    await publish(producer, PaymentFailed(order_id=order.id, error="card_declined"), order.id)
    history = await history_of(orders, people, order.id, 2)
    assert (history[1].data["status"], history[1].data["reason"]) == ("cancelled", "payment_failed")
