"""How the service's errors are told."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

from services.chassis.errors import Fault
from services.inventory.domain import LinesRefused, NoReservation, OtherLines, OutOfStock, ReservationEnded
from services.inventory.use_cases.browse_catalog import UnknownProduct

FAULTS: Mapping[type[Exception], Fault] = {
    UnknownProduct: Fault(StatusCode.NOT_FOUND, "PRODUCT_UNKNOWN"),
    LinesRefused: Fault(StatusCode.INVALID_ARGUMENT, "LINES_REFUSED"),
    OutOfStock: Fault(StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK"),
    OtherLines: Fault(StatusCode.ALREADY_EXISTS, "OTHER_LINES"),
    NoReservation: Fault(StatusCode.NOT_FOUND, "NO_RESERVATION"),
    ReservationEnded: Fault(StatusCode.FAILED_PRECONDITION, "RESERVATION_ENDED"),
}
