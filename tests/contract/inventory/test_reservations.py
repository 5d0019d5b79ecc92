"""ReservationService: for the order service alone."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from argosy.inventory.v1 import product_pb2, product_pb2_grpc, reservation_pb2, reservation_pb2_grpc
from tests.contract.support import Metadata, fields, others_than, refused, sign_up, sign_up_staff
from tests.support.real_stack import RealStack

Stub = reservation_pb2_grpc.ReservationServiceStub
Products = product_pb2_grpc.ProductServiceStub
Item = reservation_pb2.ReservationItem


def reserve(product: str, quantity: int = 2, order_id: str = "", **item: Any) -> reservation_pb2.ReserveStockRequest:
    items = [Item(product_id=product, quantity=quantity, **item)]
    return reservation_pb2.ReserveStockRequest(order_id=order_id or str(uuid.uuid4()), items=items)


def commit(order_id: str) -> reservation_pb2.CommitReservationRequest:
    return reservation_pb2.CommitReservationRequest(order_id=order_id)


def release(order_id: str) -> reservation_pb2.ReleaseReservationRequest:
    return reservation_pb2.ReleaseReservationRequest(order_id=order_id)


def look_up(*order_ids: str) -> reservation_pb2.LookUpReservationsRequest:
    return reservation_pb2.LookUpReservationsRequest(order_ids=order_ids)


def every_rpc(reservations: Stub, product: str) -> list[Callable[..., Awaitable[Any]]]:
    order_id = str(uuid.uuid4())
    return [
        lambda **how: reservations.ReserveStock(reserve(product, order_id=order_id), **how),
        lambda **how: reservations.CommitReservation(commit(order_id), **how),
        lambda **how: reservations.ReleaseReservation(release(order_id), **how),
        lambda **how: reservations.LookUpReservations(look_up(order_id), **how),
    ]


async def available(products: Products, product: str) -> int:
    found: product_pb2.Product = await products.GetProduct(product_pb2.GetProductRequest(id=product))
    return found.available


@pytest.mark.usefixtures("unchanged")
async def test_nobody_but_the_order_service_may_call(reservations: Stub, stack: RealStack, product: str) -> None:
    ada, staff = await sign_up(stack), await sign_up_staff(stack)
    for who, metadata in others_than(stack, {"order"}, ada, staff).items():
        for rpc in every_rpc(reservations, product):
            refusal = await refused(rpc(metadata=metadata))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who


async def test_reserve_sell_and_give_back(
    reservations: Stub, products: Products, order_service: Metadata, product: str
) -> None:
    request = reserve(product, 3, expected_price="12.5")
    held = await reservations.ReserveStock(request, metadata=order_service)
    assert (held.status, held.currency, held.order_id) == ("held", "USD", request.order_id)
    assert [(item.product_id, item.quantity, item.price) for item in held.items] == [(product, 3, "12.50")]
    assert await available(products, product) == 7
    assert (
        await reservations.CommitReservation(commit(request.order_id), metadata=order_service)
    ).status == "committed"
    assert await available(products, product) == 7
    assert (
        await reservations.ReleaseReservation(release(request.order_id), metadata=order_service)
    ).status == "released"
    assert await available(products, product) == 10


async def test_which_orders_have_a_reservation(reservations: Stub, order_service: Metadata, product: str) -> None:
    held, sold = reserve(product, 1), reserve(product, 1)
    for request in (held, sold):
        await reservations.ReserveStock(request, metadata=order_service)
    await reservations.CommitReservation(commit(sold.order_id), metadata=order_service)
    asked = look_up(held.order_id, sold.order_id.upper(), str(uuid.uuid4()))
    found = (await reservations.LookUpReservations(asked, metadata=order_service)).reservations
    assert {one.order_id: one.status for one in found} == {held.order_id: "held", sold.order_id: "committed"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("order_ids", "field"), [([], "orderIds"), ([str(uuid.uuid4())] * 101, "orderIds"), (["42"], "orderIds[0]")]
)
async def test_a_bad_look_up_is_named(
    reservations: Stub, order_service: Metadata, order_ids: list[str], field: str
) -> None:
    refusal = await refused(reservations.LookUpReservations(look_up(*order_ids), metadata=order_service))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}


async def test_repeats_change_nothing(
    reservations: Stub, products: Products, order_service: Metadata, product: str
) -> None:
    request = reserve(product, 3)
    for rpc, message, left in (
        (reservations.ReserveStock, request, 7),
        (reservations.CommitReservation, commit(request.order_id), 7),
        (reservations.ReleaseReservation, release(request.order_id), 10),
    ):
        first = await rpc(message, metadata=order_service)
        again = await rpc(message, metadata=order_service)
        assert (first.status, first.items) == (again.status, again.items)
        assert await available(products, product) == left


@pytest.mark.usefixtures("unchanged")
async def test_what_does_not_fit_is_named_and_holds_nothing(
    reservations: Stub, order_service: Metadata, product: str
) -> None:
    bad, ended = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
    cases = [
        (reserve("no-such-product"), bad, "LINES_REFUSED", ["items[0].productId"]),
        (reserve(product, expected_price="12.49"), bad, "LINES_REFUSED", ["items[0].price"]),
        (reserve(product, 11), ended, "OUT_OF_STOCK", ["items[0].quantity"]),
        (reserve(product, 0), bad, "INVALID_ARGUMENT", ["items[0].quantity"]),
        (reserve(product, 1001), bad, "INVALID_ARGUMENT", ["items[0].quantity"]),
        (reserve(""), bad, "INVALID_ARGUMENT", ["items[0].productId"]),
        (reserve(product, order_id="nonsense"), bad, "INVALID_ARGUMENT", ["orderId"]),
        (reservation_pb2.ReserveStockRequest(order_id=str(uuid.uuid4())), bad, "INVALID_ARGUMENT", ["items"]),
    ]
    for request, code, reason, named in cases:
        refusal = await refused(reservations.ReserveStock(request, metadata=order_service))
        assert (refusal.code, refusal.reason, fields(refusal)) == (code, reason, named)


@pytest.mark.usefixtures("unchanged")
async def test_one_bad_line_refuses_the_whole_reservation(
    reservations: Stub, order_service: Metadata, product: str
) -> None:
    request = reserve(product)
    request.items.add(product_id="no-such-product", quantity=1)
    refusal = await refused(reservations.ReserveStock(request, metadata=order_service))
    assert fields(refusal) == ["items[1].productId"]


async def test_what_is_over_stays_over(reservations: Stub, order_service: Metadata, product: str) -> None:
    request = reserve(product)
    await reservations.ReserveStock(request, metadata=order_service)
    other = await refused(
        reservations.ReserveStock(reserve(product, 1, order_id=request.order_id), metadata=order_service)
    )
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "OTHER_LINES")
    await reservations.ReleaseReservation(release(request.order_id), metadata=order_service)
    for call in (
        reservations.ReserveStock(request, metadata=order_service),
        reservations.CommitReservation(commit(request.order_id), metadata=order_service),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_ENDED")


@pytest.mark.usefixtures("unchanged")
async def test_an_order_without_reservation_has_nothing_to_sell(reservations: Stub, order_service: Metadata) -> None:
    refusal = await refused(reservations.CommitReservation(commit(str(uuid.uuid4())), metadata=order_service))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "NO_RESERVATION")
