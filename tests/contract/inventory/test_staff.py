"""What staff may do to catalog and stock: CreateProduct, UpdateProduct, AdjustStock, ListStockMoves."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from argosy.inventory.v1 import product_pb2, product_pb2_grpc, reservation_pb2, reservation_pb2_grpc
from tests.contract.support import (
    Metadata,
    SignedIn,
    bad_tokens,
    bearer,
    fields,
    refused,
    service_token,
    user_token,
)
from tests.support.real_stack import RealStack

Stub = product_pb2_grpc.ProductServiceStub
Reservations = reservation_pb2_grpc.ReservationServiceStub
Create = product_pb2.CreateProductRequest
Update = product_pb2.UpdateProductRequest
Adjust = product_pb2.AdjustStockRequest
ListMoves = product_pb2.ListStockMovesRequest


def new_id() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def sail(product_id: str, **changes: Any) -> product_pb2.CreateProductRequest:
    body: dict[str, Any] = {"name": "Sail", "description": "Flax", "price": 449.99, "currency": "USD", **changes}
    return Create(id=product_id, **body)


def keyed(person: SignedIn) -> Metadata:
    return (*person.metadata, ("idempotency-key", f"inventory-{uuid.uuid4().hex}"))


def every_rpc(products: Stub, product: str) -> list[Callable[..., Awaitable[Any]]]:
    return [
        lambda **how: products.CreateProduct(sail(new_id()), **how),
        lambda **how: products.UpdateProduct(Update(id=product, name="Other"), **how),
        lambda **how: products.AdjustStock(Adjust(id=product, delta=1), **how),
        lambda **how: products.ListStockMoves(ListMoves(id=product), **how),
    ]


async def get(products: Stub, product: str) -> product_pb2.Product:
    found: product_pb2.Product = await products.GetProduct(product_pb2.GetProductRequest(id=product))
    return found


@pytest.mark.usefixtures("unchanged")
async def test_nobody_but_staff(products: Stub, stack: RealStack, ada: SignedIn, product: str) -> None:
    denied = {"a customer": ada.metadata, "another role": bearer(user_token(stack, ada.id, roles=["support"]))}
    for who, metadata in denied.items():
        for rpc in every_rpc(products, product):
            assert (await refused(rpc(metadata=metadata))).code is grpc.StatusCode.PERMISSION_DENIED, who
    tokens = {**bad_tokens(stack, ada.id), "the order service's": service_token(stack, "order")}
    for what, metadata in {"nobody": (), **{what: bearer(token) for what, token in tokens.items()}}.items():
        for rpc in every_rpc(products, product):
            refusal = await refused(rpc(metadata=metadata))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what


async def test_a_new_product_is_in_the_catalog(products: Stub, staff: SignedIn) -> None:
    made = await products.CreateProduct(sail(new_id()), metadata=staff.metadata)
    assert (made.name, made.description, made.price, made.currency, made.available) == (
        "Sail",
        "Flax",
        "449.99",
        "USD",
        0,
    )
    assert await get(products, made.id) == made
    short = await products.CreateProduct(Create(id=new_id(), name="Oar", price=10), metadata=staff.metadata)
    assert (short.price, short.currency, short.description) == ("10.00", "USD", "")


@pytest.mark.usefixtures("unchanged")
async def test_an_id_is_taken_once(products: Stub, staff: SignedIn, product: str) -> None:
    refusal = await refused(products.CreateProduct(sail(product), metadata=keyed(staff)))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "PRODUCT_EXISTS")
    assert fields(refusal) == ["id"]


async def test_repeats_get_the_first_answer(products: Stub, staff: SignedIn) -> None:
    request, create_key, adjust_key = sail(new_id()), keyed(staff), keyed(staff)
    made = await products.CreateProduct(request, metadata=create_key)
    move = await products.AdjustStock(Adjust(id=made.id, delta=5), metadata=adjust_key)
    assert await products.AdjustStock(Adjust(id=made.id, delta=5), metadata=adjust_key) == move
    assert await products.CreateProduct(request, metadata=create_key) == made
    assert (await get(products, made.id)).available == 5
    for other in (
        products.CreateProduct(sail(made.id, price=1), metadata=create_key),
        products.AdjustStock(Adjust(id=made.id, delta=6), metadata=adjust_key),
    ):
        assert (await refused(other)).code is grpc.StatusCode.ALREADY_EXISTS
    assert (await get(products, made.id)).available == 5


async def test_a_change_leaves_what_it_does_not_name(products: Stub, staff: SignedIn, product: str) -> None:
    before = await get(products, product)
    changed = await products.UpdateProduct(Update(id=product, price=13.25), metadata=staff.metadata)
    assert changed == product_pb2.Product(
        id=product, name=before.name, description=before.description, price="13.25", currency="USD", available=10
    )
    await products.UpdateProduct(Update(id=product, name="Other", description="New"), metadata=staff.metadata)
    emptied = await products.UpdateProduct(Update(id=product, description=""), metadata=staff.metadata)
    assert (emptied.name, emptied.description, emptied.price) == ("Other", "", "13.25")
    assert await get(products, product) == emptied


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "Sail"}, "id"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"price": 0}, "price"),
        ({"price": -1}, "price"),
        ({"price": 1.001}, "price"),
        ({"price": 1e10}, "price"),
        ({"price": float("nan")}, "price"),
        ({"currency": "us"}, "currency"),
        ({"currency": "xxx"}, "currency"),
        ({"price": 1.5, "currency": "JPY"}, "price"),
        ({"price": 1.255, "currency": "KWD"}, "price"),
        ({"currency": ""}, "currency"),
        ({"low_stock_threshold": -1}, "lowStockThreshold"),
    ],
)
async def test_what_is_wrong_is_named(
    products: Stub, staff: SignedIn, product: str, changes: dict[str, Any], field: str
) -> None:
    body = {"id": new_id(), "name": "Sail", "price": 1.0, "currency": "USD", **changes}
    refusal = await refused(products.CreateProduct(Create(**body), metadata=staff.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
    refusal = await refused(
        products.UpdateProduct(Update(**{"id": product, "price": 1.0, **changes}), metadata=staff.metadata)
    )
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}


@pytest.mark.usefixtures("unchanged")
async def test_a_new_currency_needs_a_new_price(products: Stub, staff: SignedIn, product: str) -> None:
    refusal = await refused(products.UpdateProduct(Update(id=product, currency="EUR"), metadata=staff.metadata))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["price"])


@pytest.mark.usefixtures("unchanged")
async def test_an_unknown_product_is_not_found(products: Stub, staff: SignedIn) -> None:
    for rpc in every_rpc(products, new_id())[1:]:
        refusal = await refused(rpc(metadata=staff.metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_UNKNOWN")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "No"}, "id"),
        ({"delta": 0}, "delta"),
        ({"delta": 1_000_000_001}, "delta"),
        ({"delta": -1_000_000_001}, "delta"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
    ],
)
async def test_what_is_wrong_with_an_adjustment_is_named(
    products: Stub, staff: SignedIn, product: str, changes: dict[str, Any], field: str
) -> None:
    request = Adjust(**{"id": product, "delta": 1, **changes})
    refusal = await refused(products.AdjustStock(request, metadata=staff.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}


async def test_what_is_held_cannot_be_taken(
    products: Stub, reservations: Reservations, order_service: Metadata, staff: SignedIn, product: str
) -> None:
    item = reservation_pb2.ReservationItem(product_id=product, quantity=3)
    await reservations.ReserveStock(
        reservation_pb2.ReserveStockRequest(order_id=str(uuid.uuid4()), items=[item]), metadata=order_service
    )
    refusal = await refused(products.AdjustStock(Adjust(id=product, delta=-8), metadata=staff.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ADJUSTMENT_REFUSED")
    assert [(violation.field, violation.description) for violation in refusal.violations] == [
        ("delta", "must be at least -7: of 10 in stock, 3 are held for orders")
    ]
    assert (await get(products, product)).available == 7


async def test_the_history_has_who_what_and_why(
    products: Stub, reservations: Reservations, order_service: Metadata, staff: SignedIn, product: str
) -> None:
    order_id = str(uuid.uuid4())
    item = reservation_pb2.ReservationItem(product_id=product, quantity=2)
    await reservations.ReserveStock(
        reservation_pb2.ReserveStockRequest(order_id=order_id, items=[item]), metadata=order_service
    )
    restocked = await products.AdjustStock(Adjust(id=product, delta=5, reason="delivery"), metadata=staff.metadata)
    assert (restocked.delta, restocked.on_hand, restocked.held, restocked.available) == (5, 15, 2, 13)
    seen, token = [], ""
    while True:
        page = await products.ListStockMoves(
            ListMoves(id=product, page_size=2, page_token=token), metadata=staff.metadata
        )
        seen += page.stock_moves
        token = page.next_page_token
        if not token:
            break
    assert seen[0] == restocked
    assert [(m.kind, m.delta, m.held_delta, m.on_hand, m.held, m.order_id, m.moved_by, m.reason) for m in seen] == [
        ("adjust", 5, 0, 15, 2, "", staff.id, "delivery"),
        ("reserve", 0, 2, 10, 2, order_id, "", ""),
        ("opening", 10, 0, 10, 0, "", "", ""),
    ]
    assert all(move.HasField("moved_at") and move.product_id == product for move in seen)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "No"}, "id"),
        ({"page_size": -1}, "pageSize"),
        ({"page_token": "nonsense"}, "pageToken"),
        ({"page_token": "WyJ4Il0"}, "pageToken"),
        ({"page_token": "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OSJd"}, "pageToken"),
    ],
)
async def test_what_is_wrong_with_a_page_is_named(
    products: Stub, staff: SignedIn, product: str, changes: dict[str, Any], field: str
) -> None:
    refusal = await refused(products.ListStockMoves(ListMoves(**{"id": product, **changes}), metadata=staff.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
