"""Converts between protobuf and domain: the only place that maps their fields."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from argosy.inventory.v1 import product_pb2, reservation_pb2
from services.chassis.data.postgres_work import Codec, Codecs
from services.chassis.plain import money
from services.chassis.plain.money import Money
from services.chassis.rpc import timestamps
from services.inventory.domain.products import NewProduct, Product, ProductChange, price_of
from services.inventory.domain.reservations import Line, Reservation, Status
from services.inventory.domain.stock import MoveKind, StockMove

DEFAULT_CURRENCY = "USD"


def product_message(product: Product) -> product_pb2.Product:
    """The public view of a product."""
    return product_pb2.Product(
        id=product.id,
        name=product.name,
        description=product.description,
        price=product.price.text,
        currency=product.price.currency,
        available=product.available,
    )


def product_of(message: product_pb2.Product) -> Product:
    """The product in a stored idempotent response."""
    return Product(
        id=message.id,
        name=message.name,
        description=message.description,
        price=Money.parse(message.price, message.currency),
        available=message.available,
    )


def new_product(request: product_pb2.CreateProductRequest) -> NewProduct:
    """The product in a request. Raises PriceRefused."""
    return NewProduct(
        id=request.id,
        name=request.name,
        description=request.description,
        price=price_of(money.exactly(request.price), (request.currency or DEFAULT_CURRENCY).upper()),
        on_hand=0,
        low_stock_threshold=request.low_stock_threshold if request.HasField("low_stock_threshold") else None,
    )


def product_change(request: product_pb2.UpdateProductRequest) -> ProductChange:
    """The change in a request: only the fields that are present."""
    present = {field.name: value for field, value in request.ListFields()}
    if request.HasField("price"):
        present["price"] = money.exactly(request.price)
    if request.HasField("currency"):
        present["currency"] = request.currency.upper()
    return ProductChange(**present)


def stock_move_message(move: StockMove) -> product_pb2.StockMove:
    """A stock move as staff see it."""
    return product_pb2.StockMove(
        id=str(move.id),
        product_id=move.product_id,
        kind=move.kind,
        delta=move.on_hand_delta,
        held_delta=move.held_delta,
        on_hand=move.on_hand,
        held=move.held,
        available=move.on_hand - move.held,
        order_id=str(move.order_id) if move.order_id else None,
        moved_by=str(move.moved_by) if move.moved_by else None,
        reason=move.reason,
        moved_at=timestamps.to_message(move.moved_at),
    )


def stock_move_of(message: product_pb2.StockMove) -> StockMove:
    """The stock move in a stored idempotent response."""
    return StockMove(
        id=int(message.id),
        product_id=message.product_id,
        kind=MoveKind(message.kind),
        on_hand_delta=message.delta,
        held_delta=message.held_delta,
        on_hand=message.on_hand,
        held=message.held,
        order_id=UUID(message.order_id) if message.HasField("order_id") else None,
        moved_by=UUID(message.moved_by) if message.HasField("moved_by") else None,
        reason=message.reason if message.HasField("reason") else None,
        moved_at=timestamps.from_message(message.moved_at),
    )


def lines_of(request: reservation_pb2.ReserveStockRequest) -> list[Line]:
    """The requested lines."""
    return [
        Line(
            product_id=item.product_id,
            quantity=item.quantity,
            expected_price=Decimal(item.expected_price) if item.HasField("expected_price") else None,
        )
        for item in request.items
    ]


def reservation_message(reservation: Reservation) -> reservation_pb2.Reservation:
    """A reservation as the order service sees it."""
    return reservation_pb2.Reservation(
        order_id=str(reservation.order_id),
        items=[
            reservation_pb2.ReservedItem(product_id=line.product_id, quantity=line.quantity, price=line.price.text)
            for line in reservation.lines
        ],
        status=reservation.status,
        currency=reservation.currency,
        expires_at=timestamps.to_message(reservation.expires_at),
    )


def reservation_statuses_message(statuses: Mapping[UUID, Status]) -> reservation_pb2.LookUpReservationsResponse:
    """The statuses of reservations as the order service compares them."""
    return reservation_pb2.LookUpReservationsResponse(
        reservations=[
            reservation_pb2.ReservationStatus(order_id=str(order_id), status=status)
            for order_id, status in statuses.items()
        ]
    )


KEPT_ANSWERS: Codecs = MappingProxyType(
    {
        Product: Codec(product_pb2.Product, product_message, product_of),
        StockMove: Codec(product_pb2.StockMove, stock_move_message, stock_move_of),
    }
)
"""Encodings of stored idempotent responses."""
