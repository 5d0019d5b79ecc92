"""How the service's errors are told."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

from services.chassis.errors import Fault
from services.inventory.domain import (
    AdjustmentRefused,
    CurrencyWithoutPrice,
    LinesRefused,
    NoReservation,
    OtherLines,
    OutOfStock,
    PriceRefused,
    ProductExists,
    ReservationEnded,
)
from services.inventory.use_cases.browse_catalog import UnknownProduct

FAULTS: Mapping[type[Exception], Fault] = {
    UnknownProduct: Fault(StatusCode.NOT_FOUND, "PRODUCT_UNKNOWN"),
    ProductExists: Fault(StatusCode.ALREADY_EXISTS, "PRODUCT_EXISTS"),
    CurrencyWithoutPrice: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    PriceRefused: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    AdjustmentRefused: Fault(StatusCode.FAILED_PRECONDITION, "ADJUSTMENT_REFUSED"),
    LinesRefused: Fault(StatusCode.INVALID_ARGUMENT, "LINES_REFUSED"),
    OutOfStock: Fault(StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK"),
    OtherLines: Fault(StatusCode.ALREADY_EXISTS, "OTHER_LINES"),
    NoReservation: Fault(StatusCode.NOT_FOUND, "NO_RESERVATION"),
    ReservationEnded: Fault(StatusCode.FAILED_PRECONDITION, "RESERVATION_ENDED"),
}
