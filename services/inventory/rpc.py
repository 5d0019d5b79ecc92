"""Protobuf ↔ commands."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from argosy.inventory.v1 import product_pb2, reservation_pb2
from services.chassis import money, paging
from services.chassis.call import Call
from services.chassis.postgres import Postgres
from services.inventory.domain import Line, Product
from services.inventory.store import Reservation
from services.inventory.use_cases.browse_catalog import BrowseCatalog
from services.inventory.use_cases.commit_reservation import CommitReservation
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockCommand


@dataclass(frozen=True)
class ProductRpc:
    """argosy.inventory.v1.ProductService."""

    catalog: BrowseCatalog

    async def GetProduct(self, request: product_pb2.GetProductRequest, call: Call) -> product_pb2.Product:
        return _product(await self.catalog.one(request.id))

    async def ListProducts(
        self, request: product_pb2.ListProductsRequest, call: Call
    ) -> product_pb2.ListProductsResponse:
        (after,) = paging.decode_page_token(request.page_token, parts=1) or ("",)
        products, last = await self.catalog.page(after, paging.page_size(request.page_size))
        return product_pb2.ListProductsResponse(
            products=[_product(product) for product in products],
            next_page_token=paging.encode_page_token(last) if last else "",
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
        async with self.postgres.transaction() as connection:
            return _reservation(await self.commit(connection, UUID(request.order_id)))

    async def ReleaseReservation(
        self, request: reservation_pb2.ReleaseReservationRequest, call: Call
    ) -> reservation_pb2.Reservation:
        async with self.postgres.transaction() as connection:
            return _reservation(await self.release(connection, UUID(request.order_id)))


def _lines(request: reservation_pb2.ReserveStockRequest) -> list[Line]:
    return [
        Line(
            product_id=item.product_id,
            quantity=item.quantity,
            expected_price_minor=item.expected_price_minor if item.HasField("expected_price_minor") else None,
        )
        for item in request.items
    ]


def _product(product: Product) -> product_pb2.Product:
    return product_pb2.Product(
        id=product.id,
        name=product.name,
        description=product.description,
        price=money.to_text(product.price_minor),
        currency=product.currency,
        available=product.available,
    )


def _reservation(reservation: Reservation) -> reservation_pb2.Reservation:
    answer = reservation_pb2.Reservation(
        order_id=str(reservation.order_id),
        items=[
            reservation_pb2.ReservedItem(
                product_id=line.product_id, quantity=line.quantity, price_minor=line.price_minor
            )
            for line in reservation.lines
        ],
        status=reservation.status,
        currency=reservation.currency,
    )
    answer.expires_at.FromDatetime(reservation.expires_at)
    return answer
