"""The inventory service (ports.Inventory)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

import grpc

from argosy.inventory.v1.reservation_pb2 import (
    DESCRIPTOR,
    LookUpReservationsRequest,
    ReleaseReservationRequest,
    ReservationItem,
    ReserveStockRequest,
)
from argosy.inventory.v1.reservation_pb2_grpc import ReservationServiceStub
from services.chassis.plain.errors import InvalidArgument, Unavailable
from services.chassis.plain.money import Money
from services.chassis.rpc.client import passes, unavailable_without_answer
from services.chassis.rpc.refusals import Refusal, refusal_of
from services.order.domain.orders import Line, RequestedLine
from services.order.ports import HeldForOtherLines, HoldEnded, OutOfStock, TooMuchHeld

RESERVATIONS = DESCRIPTOR.services_by_name["ReservationService"]
"""The service that is called here."""
_OUT_OF_STOCK = "OUT_OF_STOCK"
"""The reason of inventory's refusal."""
_TOO_MUCH_HELD = "TOO_MUCH_HELD"
"""The same."""


@dataclass(frozen=True)
class GrpcInventory:
    """Asks over gRPC."""

    stub: ReservationServiceStub

    async def hold(self, order_id: UUID, user_id: UUID, lines: Iterable[RequestedLine]) -> Sequence[Line]:
        """See ports.Inventory."""
        request = ReserveStockRequest(order_id=str(order_id), items=map(_item, lines), customer_id=str(user_id))
        try:
            reservation = await self.stub.ReserveStock(request)
        except grpc.aio.AioRpcError as error:
            raise _meaning(refusal_of(error)) from error
        return [
            Line(item.product_id, item.quantity, Money.parse(item.price, reservation.currency))
            for item in reservation.items
        ]

    async def release(self, order_id: UUID) -> None:
        """See ports.Inventory."""
        with unavailable_without_answer():
            await self.stub.ReleaseReservation(ReleaseReservationRequest(order_id=str(order_id)))

    async def with_reservation(self, order_ids: Sequence[UUID]) -> Set[UUID]:
        """See ports.Inventory. A refusal that does not pass by itself is raised as it came: a defect of ours."""
        try:
            answer = await self.stub.LookUpReservations(LookUpReservationsRequest(order_ids=map(str, order_ids)))
        except grpc.aio.AioRpcError as error:
            if not passes(error):
                raise
            raise Unavailable from error
        return {UUID(one.order_id) for one in answer.reservations}


def _item(line: RequestedLine) -> ReservationItem:
    return ReservationItem(
        product_id=line.product_id,
        quantity=line.quantity,
        expected_price=None if line.stated_price is None else f"{line.stated_price:f}",
    )


def _meaning(refusal: Refusal) -> Exception:
    """What a refusal means to use cases. Unavailable: nothing that a caller could act on."""
    if refusal.code is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidArgument(refusal.violations, refusal.message)
    if refusal.code is grpc.StatusCode.ALREADY_EXISTS:
        return HeldForOtherLines()
    if refusal.code is grpc.StatusCode.FAILED_PRECONDITION:
        if refusal.reason == _OUT_OF_STOCK:
            return OutOfStock(refusal.message, violations=refusal.violations)
        if refusal.reason == _TOO_MUCH_HELD:
            return TooMuchHeld(refusal.message, violations=refusal.violations)
        return HoldEnded()
    return Unavailable()
