"""The service's errors → gRPC statuses."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

from services.chassis.rpc.statuses import Fault
from services.inventory.domain.bounds import TooMuchHeld
from services.inventory.domain.products import CurrencyWithoutPrice, PriceRefused, ProductExists, UnknownProduct
from services.inventory.domain.reservations import (
    LinesRefused,
    NoReservation,
    OtherLines,
    OutOfStock,
    ReservationEnded,
)
from services.inventory.domain.stock import AdjustmentRefused

STATUSES: Mapping[type[Exception], Fault] = {
    UnknownProduct: Fault(StatusCode.NOT_FOUND, "PRODUCT_UNKNOWN"),
    ProductExists: Fault(StatusCode.ALREADY_EXISTS, "PRODUCT_EXISTS"),
    CurrencyWithoutPrice: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    PriceRefused: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    AdjustmentRefused: Fault(StatusCode.FAILED_PRECONDITION, "ADJUSTMENT_REFUSED"),
    LinesRefused: Fault(StatusCode.INVALID_ARGUMENT, "LINES_REFUSED"),
    OutOfStock: Fault(StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK"),
    OtherLines: Fault(StatusCode.ALREADY_EXISTS, "OTHER_LINES"),
    TooMuchHeld: Fault(StatusCode.FAILED_PRECONDITION, "TOO_MUCH_HELD"),
    NoReservation: Fault(StatusCode.NOT_FOUND, "NO_RESERVATION"),
    ReservationEnded: Fault(StatusCode.FAILED_PRECONDITION, "RESERVATION_ENDED"),
}
