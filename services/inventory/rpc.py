"""Protobuf ↔ commands."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from pydantic import SecretStr

from argosy.inventory.v1 import product_pb2, reservation_pb2
from services.chassis import clock, idempotency, money, paging
from services.chassis.call import Call
from services.chassis.money import Money
from services.chassis.postgres import Postgres
from services.inventory.domain import Line, price_of
from services.inventory.messages import product_message, stock_move_message
from services.inventory.store import NewProduct, ProductChange, Reservation
from services.inventory.use_cases.adjust_stock import AdjustStock, AdjustStockCommand, ShowStockMoves
from services.inventory.use_cases.browse_catalog import BrowseCatalog
from services.inventory.use_cases.commit_reservation import CommitReservation
from services.inventory.use_cases.keep_catalog import CreateProductCommand, KeepCatalog
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockCommand

DEFAULT_CURRENCY = "USD"
_LONGEST_ID = 18
"""Digits that fit a bigint, whichever they are."""


@dataclass(frozen=True)
class ProductRpc:
    """argosy.inventory.v1.ProductService."""

    catalog: BrowseCatalog
    keep: KeepCatalog
    adjust: AdjustStock
    moves: ShowStockMoves
    idempotency_secret: SecretStr

    async def GetProduct(self, request: product_pb2.GetProductRequest, call: Call) -> product_pb2.Product:
        return product_message(await self.catalog.one(request.id))

    async def ListProducts(
        self, request: product_pb2.ListProductsRequest, call: Call
    ) -> product_pb2.ListProductsResponse:
        (after,) = paging.decode_page_token(request.page_token, parts=1) or ("",)
        products, last = await self.catalog.page(after, paging.page_size(request.page_size))
        return product_pb2.ListProductsResponse(
            products=[product_message(product) for product in products],
            next_page_token=paging.encode_page_token(last) if last else "",
        )

    async def CreateProduct(self, request: product_pb2.CreateProductRequest, call: Call) -> product_pb2.Product:
        price = price_of(money.exactly(request.price), (request.currency or DEFAULT_CURRENCY).upper())
        product = NewProduct(
            id=request.id,
            name=request.name,
            description=request.description,
            price_minor=price.minor,
            currency=price.currency,
            on_hand=0,
            low_stock_threshold=request.low_stock_threshold if request.HasField("low_stock_threshold") else None,
        )
        print_ = idempotency.fingerprint(self.idempotency_secret, request)
        return await self.keep.create(CreateProductCommand(product, UUID(call.user().id), call.idempotency_key, print_))

    async def UpdateProduct(self, request: product_pb2.UpdateProductRequest, call: Call) -> product_pb2.Product:
        present = {field.name: value for field, value in request.ListFields()}
        if request.HasField("price"):
            present["price"] = money.exactly(request.price)
        if request.HasField("currency"):
            present["currency"] = request.currency.upper()
        return product_message(await self.keep.change(ProductChange(**present)))

    async def AdjustStock(self, request: product_pb2.AdjustStockRequest, call: Call) -> product_pb2.StockMove:
        return await self.adjust(
            AdjustStockCommand(
                product_id=request.id,
                delta=request.delta,
                reason=request.reason if request.HasField("reason") else None,
                staff_id=UUID(call.user().id),
                idempotency_key=call.idempotency_key,
                fingerprint=idempotency.fingerprint(self.idempotency_secret, request),
            )
        )

    async def ListStockMoves(
        self, request: product_pb2.ListStockMovesRequest, call: Call
    ) -> product_pb2.ListStockMovesResponse:
        moves, last = await self.moves.page(
            request.id, before=_page_begins(request.page_token), size=paging.page_size(request.page_size)
        )
        return product_pb2.ListStockMovesResponse(
            stock_moves=[stock_move_message(move) for move in moves],
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )


@dataclass(frozen=True)
class ReservationRpc:
    """argosy.inventory.v1.ReservationService."""

    postgres: Postgres
    reserve: ReserveStock
    commit: CommitReservation
    release: ReleaseReservation

    async def ReserveStock(
        self, request: reservation_pb2.ReserveStockRequest, call: Call
    ) -> reservation_pb2.Reservation:
        return _reservation(await self.reserve(ReserveStockCommand(UUID(request.order_id), _lines(request))))

    async def CommitReservation(
        self, request: reservation_pb2.CommitReservationRequest, call: Call
    ) -> reservation_pb2.Reservation:
        async with self.postgres.transaction("inventory.commit") as connection:
            return _reservation(await self.commit(connection, UUID(request.order_id)))

    async def ReleaseReservation(
        self, request: reservation_pb2.ReleaseReservationRequest, call: Call
    ) -> reservation_pb2.Reservation:
        async with self.postgres.transaction("inventory.release") as connection:
            return _reservation(await self.release(connection, UUID(request.order_id)))


def _lines(request: reservation_pb2.ReserveStockRequest) -> list[Line]:
    return [
        Line(
            product_id=item.product_id,
            quantity=item.quantity,
            expected_price=Decimal(item.expected_price) if item.HasField("expected_price") else None,
        )
        for item in request.items
    ]


def _page_begins(token: str) -> int | None:
    key = paging.decode_page_token(token, parts=1)
    if key is None:
        return None
    if not (key[0].isascii() and key[0].isdecimal() and len(key[0]) <= _LONGEST_ID):
        raise paging.bad_page_token()
    return int(key[0])


def _reservation(reservation: Reservation) -> reservation_pb2.Reservation:
    return reservation_pb2.Reservation(
        order_id=str(reservation.order_id),
        items=[
            reservation_pb2.ReservedItem(
                product_id=line.product_id,
                quantity=line.quantity,
                price=Money(line.price_minor, reservation.currency).text,
            )
            for line in reservation.lines
        ],
        status=reservation.status,
        currency=reservation.currency,
        expires_at=clock.to_message(reservation.expires_at),
    )
