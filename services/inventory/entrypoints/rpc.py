"""Converts requests to commands and results to protobuf. No decisions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from google.protobuf.message import Message
from pydantic import SecretStr

from argosy.deadletter.v1.dead_letter_pb2 import ListDeadLettersResponse, RedriveDeadLetterResponse
from argosy.inventory.v1 import product_pb2, reservation_pb2
from argosy.reconciliation.v1.drift_pb2 import ListDriftsResponse
from services.chassis.data import idempotency, paging
from services.chassis.plain.unit_of_work import Repeatable
from services.chassis.rpc.call import Call
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.inventory.entrypoints import mapping
from services.inventory.use_cases.adjust_stock import AdjustStock, AdjustStockHandler
from services.inventory.use_cases.change_product import ChangeProduct, ChangeProductHandler
from services.inventory.use_cases.commit_reservation import CommitReservation, CommitReservationHandler
from services.inventory.use_cases.create_product import CreateProduct, CreateProductHandler
from services.inventory.use_cases.get_product import GetProduct, GetProductHandler
from services.inventory.use_cases.list_products import ListProducts, ListProductsHandler
from services.inventory.use_cases.list_stock_moves import ListStockMoves, ListStockMovesHandler
from services.inventory.use_cases.look_up_reservations import LookUpReservations, LookUpReservationsHandler
from services.inventory.use_cases.release_reservation import ReleaseReservation, ReleaseReservationHandler
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockHandler

_LONGEST_ID = 18
"""At most as many digits as every bigint can hold."""


@dataclass(frozen=True)
class ProductRpc:
    """argosy.inventory.v1.ProductService."""

    get_product: GetProductHandler
    list_products: ListProductsHandler
    create_product: CreateProductHandler
    change_product: ChangeProductHandler
    adjust_stock: AdjustStockHandler
    list_stock_moves: ListStockMovesHandler
    list_drifts: ListDrifts
    dead_letters: DeadLetters
    idempotency_secret: SecretStr

    async def GetProduct(self, request: product_pb2.GetProductRequest, call: Call) -> product_pb2.Product:
        """One product."""
        return mapping.product_message(await self.get_product(GetProduct(request.id)))

    async def ListProducts(
        self, request: product_pb2.ListProductsRequest, call: Call
    ) -> product_pb2.ListProductsResponse:
        """A page of the catalog, by id."""
        (after,) = paging.decode_page_token(request.page_token, parts=1) or ("",)
        products, last = await self.list_products(ListProducts(after, paging.page_size(request.page_size)))
        return product_pb2.ListProductsResponse(
            products=map(mapping.product_message, products),
            next_page_token=paging.encode_page_token(last) if last else "",
        )

    async def CreateProduct(self, request: product_pb2.CreateProductRequest, call: Call) -> product_pb2.Product:
        """Adds a product."""
        command = CreateProduct(mapping.new_product(request), UUID(call.user().id), self._repeatable(request, call))
        return mapping.product_message(await self.create_product(command))

    async def UpdateProduct(self, request: product_pb2.UpdateProductRequest, call: Call) -> product_pb2.Product:
        """Changes the fields that are present."""
        changed = await self.change_product(ChangeProduct(mapping.product_change(request)))
        return mapping.product_message(changed)

    async def AdjustStock(self, request: product_pb2.AdjustStockRequest, call: Call) -> product_pb2.StockMove:
        """Adds to a product's stock, or removes from it."""
        command = AdjustStock(
            product_id=request.id,
            delta=request.delta,
            reason=request.reason if request.HasField("reason") else None,
            staff_id=UUID(call.user().id),
            request=self._repeatable(request, call),
        )
        return mapping.stock_move_message(await self.adjust_stock(command))

    async def ListStockMoves(
        self, request: product_pb2.ListStockMovesRequest, call: Call
    ) -> product_pb2.ListStockMovesResponse:
        """A page of a product's moves, newest first."""
        command = ListStockMoves(request.id, _before(request.page_token), paging.page_size(request.page_size))
        moves, last = await self.list_stock_moves(command)
        return product_pb2.ListStockMovesResponse(
            stock_moves=map(mapping.stock_move_message, moves),
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def ListStockDrifts(self, request: product_pb2.ListStockDriftsRequest, call: Call) -> ListDriftsResponse:
        """What reconciliation found."""
        return await self.list_drifts(request.page_size, request.page_token)

    async def ListStockDeadLetters(
        self, request: product_pb2.ListStockDeadLettersRequest, call: Call
    ) -> ListDeadLettersResponse:
        """The events that this service could not handle."""
        return await self.dead_letters.list(request.page_size, request.page_token)

    async def RedriveStockDeadLetter(
        self, request: product_pb2.RedriveStockDeadLetterRequest, call: Call
    ) -> RedriveDeadLetterResponse:
        """Handles one of them again."""
        return await self.dead_letters.redrive(request.id, call.user().id)

    def _repeatable(self, request: Message, call: Call) -> Repeatable:
        return Repeatable(call.idempotency_key, idempotency.fingerprint(self.idempotency_secret, request))


@dataclass(frozen=True)
class ReservationRpc:
    """argosy.inventory.v1.ReservationService."""

    reserve_stock: ReserveStockHandler
    commit_reservation: CommitReservationHandler
    release_reservation: ReleaseReservationHandler
    look_up_reservations: LookUpReservationsHandler

    async def ReserveStock(
        self, request: reservation_pb2.ReserveStockRequest, call: Call
    ) -> reservation_pb2.Reservation:
        """Holds the lines of an order."""
        customer_id = UUID(request.customer_id) if request.HasField("customer_id") else None
        command = ReserveStock(UUID(request.order_id), mapping.lines_of(request), customer_id)
        return mapping.reservation_message(await self.reserve_stock(command))

    async def CommitReservation(
        self, request: reservation_pb2.CommitReservationRequest, call: Call
    ) -> reservation_pb2.Reservation:
        """Sells the stock that an order holds."""
        command = CommitReservation(UUID(request.order_id))
        return mapping.reservation_message(await self.commit_reservation(command))

    async def ReleaseReservation(
        self, request: reservation_pb2.ReleaseReservationRequest, call: Call
    ) -> reservation_pb2.Reservation:
        """Releases the stock that an order holds."""
        command = ReleaseReservation(UUID(request.order_id))
        return mapping.reservation_message(await self.release_reservation(command))

    async def LookUpReservations(
        self, request: reservation_pb2.LookUpReservationsRequest, call: Call
    ) -> reservation_pb2.LookUpReservationsResponse:
        """How far the reservations of orders are."""
        command = LookUpReservations([UUID(order_id) for order_id in request.order_ids])
        return mapping.reservation_statuses_message(await self.look_up_reservations(command))


def _before(page_token: str) -> int | None:
    key = paging.decode_page_token(page_token, parts=1)
    if key is None:
        return None
    if not (key[0].isascii() and key[0].isdecimal() and len(key[0]) <= _LONGEST_ID):
        raise paging.bad_page_token()
    return int(key[0])
