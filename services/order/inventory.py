"""What the service asks of inventory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import grpc

from argosy.inventory.v1.reservation_pb2 import (
    DESCRIPTOR,
    ReleaseReservationRequest,
    ReservationItem,
    ReserveStockRequest,
)
from argosy.inventory.v1.reservation_pb2_grpc import ReservationServiceStub
from services.chassis.errors import AppError, InvalidArgument
from services.chassis.money import Money
from services.chassis.refusals import Refusal, refusal_of
from services.order.domain import Line

RESERVATIONS = DESCRIPTOR.services_by_name["ReservationService"]
"""The service that is called here."""
OUT_OF_STOCK = "OUT_OF_STOCK"


@dataclass(frozen=True)
class RequestedLine:
    """One line as a customer asks for it."""

    product_id: str
    quantity: int
    stated_price: Decimal | None = None
    """The price of one that they were shown; None when they stated none."""


@dataclass(frozen=True)
class Hold:
    """Stock that is held for an order, priced, line by line as asked for."""

    lines: Sequence[Line]
    currency: str


class OutOfStock(AppError):
    """Less is available than was asked for; the violations say of which line."""


class HeldForOtherLines(Exception):
    """The order has a hold for other lines."""


class HoldEnded(AppError):
    """The order's hold was given back."""

    default_message = (
        "the stock that was held for this order has been given back; order anew, with a new Idempotency-Key"
    )


class Inventory:
    """Holds stock for orders and gives it back."""

    def __init__(self, stub: ReservationServiceStub) -> None:
        self._stub = stub

    async def hold(self, order_id: str, lines: Iterable[RequestedLine]) -> Hold:
        """Hold these lines for the order; a repeat answers alike and lets the hold last longer.

        Raises:
            InvalidArgument: an unknown product, a stated price that is not the catalog's, items that come to what
                cannot be charged; names the line, or `items`.
            OutOfStock: too little is available; names the line.
            HeldForOtherLines: the order has a hold for other lines.
            HoldEnded: the order's hold was given back already.
            grpc.aio.AioRpcError: inventory did not answer; whether it holds the stock is not known.
        """
        try:
            reservation = await self._stub.ReserveStock(ReserveStockRequest(order_id=order_id, items=map(_item, lines)))
        except grpc.aio.AioRpcError as error:
            told = _told(refusal_of(error))
            if told is None:
                raise
            raise told from error
        return Hold(
            lines=[
                Line(item.product_id, item.quantity, Money.parse(item.price, reservation.currency).minor)
                for item in reservation.items
            ],
            currency=reservation.currency,
        )

    async def release(self, order_id: str) -> None:
        """Give back what the order holds, and let nothing be held for it any more."""
        await self._stub.ReleaseReservation(ReleaseReservationRequest(order_id=order_id))


def _item(line: RequestedLine) -> ReservationItem:
    return ReservationItem(
        product_id=line.product_id,
        quantity=line.quantity,
        expected_price=None if line.stated_price is None else f"{line.stated_price:f}",
    )


def _told(refusal: Refusal) -> Exception | None:
    """What a refusal means here; None: nothing that our caller could act on."""
    if refusal.code is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidArgument(refusal.violations, refusal.message)
    if refusal.code is grpc.StatusCode.ALREADY_EXISTS:
        return HeldForOtherLines()
    if refusal.code is grpc.StatusCode.FAILED_PRECONDITION:
        if refusal.reason == OUT_OF_STOCK:
            return OutOfStock(refusal.message, violations=refusal.violations)
        return HoldEnded()
    return None
