"""CreateOrder: what is placed, what is refused, and what a repeat gets."""

from __future__ import annotations

import asyncio
import math
import uuid
from typing import Any

import grpc
import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase

from argosy.event.v1.order_events_pb2 import OrderCreated
from argosy.inventory.v1 import reservation_pb2, reservation_pb2_grpc
from argosy.order.v1 import order_pb2, order_pb2_grpc
from services.chassis.rpc.refusals import refusal_of
from services.order.use_cases.place_order import order_id_of
from tests.contract.order.conftest import ADDRESS, Document, People, an_order, events_of
from tests.contract.support import Metadata, fields, refused
from tests.support.real_stack import RealStack
from tests.support.stock import new_product

Orders = order_pb2_grpc.OrderServiceStub
Reservations = reservation_pb2_grpc.ReservationServiceStub
Item = order_pb2.OrderItemRequest
Request = order_pb2.CreateOrderRequest

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


def changed(product: str, **changes: Any) -> Request:
    """A good request but for what is asked to be otherwise; a field that is None is left out."""
    request = an_order(product)
    for name, value in changes.items():
        request.ClearField(name)  # type: ignore[arg-type]
        if value is not None:
            request.MergeFrom(Request(**{name: value}))
    return request


def addressed(product: str, **changes: str) -> Request:
    address = order_pb2.ShippingAddress()
    address.CopyFrom(ADDRESS)
    for name, value in changes.items():
        setattr(address, name, value)
    return changed(product, shipping_address=address)


async def test_an_order_is_placed_at_the_catalogs_prices(orders: Orders, people: People, product: str) -> None:
    request = Request(
        user_id=people.owner.id.upper(),
        items=[Item(product_id=product, quantity=2, price=12.5), Item(product_id=product, quantity=1)],
        shipping_address=ADDRESS,
    )
    call = orders.CreateOrder(request, metadata=people.owner.metadata)
    order = await call

    assert dict(await call.initial_metadata())["x-http-code"] == "201"
    assert uuid.UUID(order.id).version == 7
    assert (order.user_id, order.status) == (people.owner.id, "pending")
    assert (order.total_amount, order.currency) == ("37.50", "USD")
    assert [(item.product_id, item.quantity, item.price) for item in order.items] == [
        (product, 2, "12.50"),
        (product, 1, "12.50"),
    ]
    assert order.shipping_address == ADDRESS
    assert order.created_at == order.updated_at
    assert await orders.GetOrder(order_pb2.GetOrderRequest(id=order.id), metadata=people.owner.metadata) == order


async def test_it_is_announced(orders: Orders, people: People, product: str, stack: RealStack) -> None:
    order = await orders.CreateOrder(an_order(product), metadata=people.owner.metadata)

    (record,) = await events_of(stack, order.id, 1)
    assert (record.header("ce_type"), record.header("ce_sequence")) == ("ORDER_CREATED", "1")
    assert (record.header("ce_source"), record.header("ce_subject")) == ("/argosy/order", order.id)
    event = OrderCreated.FromString(record.value)
    assert (event.order_id, event.user_id, event.total_amount) == (order.id, people.owner.id, "25.00")
    assert [(line.product_id, line.quantity, line.price) for line in event.items] == [(product, 2, "12.50")]


BAD: list[tuple[str, Any, list[str]]] = [
    ("no items", lambda product: changed(product, items=None), ["items"]),
    ("too many items", lambda product: changed(product, items=[Item(product_id=product, quantity=1)] * 101), ["items"]),
    ("no product", lambda product: changed(product, items=[Item(quantity=1)]), ["items[0].productId"]),
    (
        "no slug",
        lambda product: changed(product, items=[Item(product_id="Ünknown", quantity=1)]),
        ["items[0].productId"],
    ),
    ("unknown product", lambda product: an_order("no-such-product"), ["items[0].productId"]),
    ("none of it", lambda product: an_order(product, 0), ["items[0].quantity"]),
    ("less than none", lambda product: an_order(product, -1), ["items[0].quantity"]),
    ("too many of it", lambda product: an_order(product, 1001), ["items[0].quantity"]),
    ("another price", lambda product: an_order(product, price=12.49), ["items[0].price"]),
    ("a price finer than a cent", lambda product: an_order(product, price=12.501), ["items[0].price"]),
    ("less than nothing", lambda product: an_order(product, price=-1.0), ["items[0].price"]),
    ("no number", lambda product: an_order(product, price=math.nan), ["items[0].price"]),
    ("no end", lambda product: an_order(product, price=math.inf), ["items[0].price"]),
    ("too much", lambda product: an_order(product, price=1e300), ["items[0].price"]),
    ("no user id", lambda product: changed(product, user_id="me"), ["userId"]),
    ("somebody else", lambda product: changed(product, user_id=str(uuid.uuid4())), ["userId"]),
    ("no address", lambda product: changed(product, shipping_address=None), ["shippingAddress"]),
    ("no street", lambda product: addressed(product, street=""), ["shippingAddress.street"]),
    ("blank street", lambda product: addressed(product, street=" \t"), ["shippingAddress.street"]),
    ("long street", lambda product: addressed(product, street="x" * 201), ["shippingAddress.street"]),
    ("no city", lambda product: addressed(product, city=""), ["shippingAddress.city"]),
    ("blank city", lambda product: addressed(product, city=" "), ["shippingAddress.city"]),
    ("long city", lambda product: addressed(product, city="x" * 101), ["shippingAddress.city"]),
    ("blank state", lambda product: addressed(product, state=" "), ["shippingAddress.state"]),
    ("long state", lambda product: addressed(product, state="x" * 101), ["shippingAddress.state"]),
    ("no zip code", lambda product: addressed(product, zip_code=""), ["shippingAddress.zipCode"]),
    ("blank zip code", lambda product: addressed(product, zip_code=" "), ["shippingAddress.zipCode"]),
    ("long zip code", lambda product: addressed(product, zip_code="x" * 21), ["shippingAddress.zipCode"]),
    ("no country", lambda product: addressed(product, country=""), ["shippingAddress.country"]),
    ("no country code", lambda product: addressed(product, country="usa"), ["shippingAddress.country"]),
    ("NUL", lambda product: addressed(product, street="a\0b"), ["shippingAddress.street"]),
    (
        "two at once",
        lambda product: addressed(product, street=" ", city=" "),
        ["shippingAddress.street", "shippingAddress.city"],
    ),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("make", "named"), [pytest.param(make, named, id=what) for what, make, named in BAD])
async def test_bad_input_is_named_and_places_nothing(
    orders: Orders, people: People, product: str, make: Any, named: list[str]
) -> None:
    refusal = await refused(orders.CreateOrder(make(product), metadata=people.owner.metadata))
    assert refusal.code is INVALID_ARGUMENT
    assert list(dict.fromkeys(fields(refusal))) == named
    assert all(violation.description for violation in refusal.violations)


@pytest.mark.usefixtures("unchanged")
async def test_another_price_is_refused_with_the_current_one(orders: Orders, people: People, product: str) -> None:
    refusal = await refused(orders.CreateOrder(an_order(product, price=12.49), metadata=people.owner.metadata))
    assert "12.50 USD" in refusal.violations[0].description


@pytest.mark.usefixtures("unchanged")
async def test_more_than_there_is_places_nothing(orders: Orders, people: People, product: str) -> None:
    request = Request(items=[Item(product_id=product, quantity=501)] * 2, shipping_address=ADDRESS)
    refusal = await refused(orders.CreateOrder(request, metadata=people.owner.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")
    assert fields(refusal) == ["items[0].quantity", "items[1].quantity"]
    assert "998" in refusal.violations[0].description


async def test_more_than_one_customer_may_hold_places_nothing(orders: Orders, people: People, stack: RealStack) -> None:
    product = await new_product(stack, 100_000)
    request = Request(items=[Item(product_id=product, quantity=1000)] * 3, shipping_address=ADDRESS)
    refusal = await refused(orders.CreateOrder(request, metadata=people.owner.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MUCH_HELD")
    assert fields(refusal) == ["items"]
    assert "at most 2000 pieces" in refusal.message


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none_is_refused(orders: Orders, people: People, product: str, key: str) -> None:
    metadata = (*people.owner.metadata, ("idempotency-key", key))
    refusal = await refused(orders.CreateOrder(an_order(product), metadata=metadata))
    assert (refusal.code, fields(refusal)) == (INVALID_ARGUMENT, ["Idempotency-Key"])


async def test_a_repeat_gets_the_first_answer(
    orders: Orders, people: People, product: str, documents: AsyncIOMotorDatabase[Document]
) -> None:
    metadata = (*people.owner.metadata, ("idempotency-key", str(uuid.uuid4())))
    answers = await asyncio.gather(*(orders.CreateOrder(an_order(product), metadata=metadata) for _ in range(20)))
    order = answers[0]
    assert all(answer == order for answer in answers)
    cancel = order_pb2.UpdateOrderStatusRequest(id=order.id, status="cancelled")
    await orders.UpdateOrderStatus(cancel, metadata=people.owner.metadata)

    # Whoever orders is the caller: naming them changes nothing about the request.
    again = changed(product, user_id=people.owner.id)
    assert await orders.CreateOrder(again, metadata=metadata) == order
    assert await documents["commits"].count_documents({"orderId": order.id}) == 2


async def test_other_content_under_a_used_key_is_refused(
    orders: Orders, people: People, product: str, documents: AsyncIOMotorDatabase[Document]
) -> None:
    metadata = (*people.owner.metadata, ("idempotency-key", str(uuid.uuid4())))
    order = await orders.CreateOrder(an_order(product), metadata=metadata)
    commits = await documents["commits"].count_documents({})
    for other in (an_order(product, 3), an_order(product, price=12.5), addressed(product, street="1 Other St")):
        refusal = await refused(orders.CreateOrder(other, metadata=metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_MISMATCH")
    assert await documents["commits"].count_documents({}) == commits
    assert await orders.CreateOrder(an_order(product), metadata=metadata) == order


async def test_of_different_requests_at_once_under_one_key_one_is_placed(
    orders: Orders, people: People, product: str, documents: AsyncIOMotorDatabase[Document]
) -> None:
    key = str(uuid.uuid4())
    metadata = (*people.owner.metadata, ("idempotency-key", key))
    requests = [an_order(product), an_order(product, 3), addressed(product, street="1 Other St")] * 7
    answers = await asyncio.gather(
        *(orders.CreateOrder(request, metadata=metadata) for request in requests), return_exceptions=True
    )
    placed = [answer for answer in answers if isinstance(answer, order_pb2.Order)]
    refusals = [refusal_of(answer) for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(placed) == 7
    assert all(order == placed[0] for order in placed)
    assert {refusal.reason for refusal in refusals} == {"IDEMPOTENCY_MISMATCH"}
    assert (
        await documents["commits"].count_documents({"orderId": str(order_id_of(uuid.UUID(people.owner.id), key))}) == 1
    )


async def test_a_process_that_died_after_holding_stock_leaves_a_key_that_works(
    orders: Orders, people: People, product: str, reservations: Reservations, order_service: Metadata
) -> None:
    key = str(uuid.uuid4())
    order_id = str(order_id_of(uuid.UUID(people.owner.id), key))
    items = [reservation_pb2.ReservationItem(product_id=product, quantity=2)]
    hold = reservation_pb2.ReserveStockRequest(order_id=order_id, items=items)
    await reservations.ReserveStock(hold, metadata=order_service)

    metadata = (*people.owner.metadata, ("idempotency-key", key))
    order = await orders.CreateOrder(an_order(product), metadata=metadata)

    assert (order.id, order.status, order.total_amount) == (order_id, "pending", "25.00")
    assert (await reservations.ReserveStock(hold, metadata=order_service)).status == "held"


async def test_a_key_whose_hold_was_released_is_refused_and_places_nothing(
    orders: Orders,
    people: People,
    product: str,
    reservations: Reservations,
    order_service: Metadata,
    documents: AsyncIOMotorDatabase[Document],
) -> None:
    key = str(uuid.uuid4())
    order_id = str(order_id_of(uuid.UUID(people.owner.id), key))
    release = reservation_pb2.ReleaseReservationRequest(order_id=order_id)
    await reservations.ReleaseReservation(release, metadata=order_service)

    metadata = (*people.owner.metadata, ("idempotency-key", key))
    refusal = await refused(orders.CreateOrder(an_order(product), metadata=metadata))

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "HOLD_ENDED")
    assert await documents["commits"].count_documents({"orderId": order_id}) == 0


async def test_a_stored_fingerprint_reveals_nothing_of_its_request(
    orders: Orders, people: People, product: str, documents: AsyncIOMotorDatabase[Document]
) -> None:
    key = str(uuid.uuid4())
    prints = []
    for person in (people.owner, people.stranger):
        metadata = (*person.metadata, ("idempotency-key", key))
        order = await orders.CreateOrder(an_order(product), metadata=metadata)
        commit = await documents["commits"].find_one({"_id": f"{order.id}:1"})
        assert commit is not None
        prints.append(commit["fingerprint"])
        assert key not in str(commit)
    assert {len(fingerprint) for fingerprint in prints} == {32}
