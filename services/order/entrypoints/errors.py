"""The service's errors → gRPC statuses."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

from services.chassis.rpc.statuses import Fault
from services.order.domain.moves import IllegalTransition, OnlyStaffListOthers, OrderNotFound, OwnerMayOnlyCancel
from services.order.ports import HoldEnded, NotStored, OutcomeUnknown, OutOfStock, TooMuchHeld
from services.order.use_cases.journal import Contended

STATUSES: Mapping[type[Exception], Fault] = {
    OrderNotFound: Fault(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"),
    OwnerMayOnlyCancel: Fault(StatusCode.PERMISSION_DENIED, "OWNER_MAY_ONLY_CANCEL"),
    OnlyStaffListOthers: Fault(StatusCode.PERMISSION_DENIED, "ONLY_STAFF_LIST_OTHERS"),
    IllegalTransition: Fault(StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION"),
    OutOfStock: Fault(StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK"),
    TooMuchHeld: Fault(StatusCode.FAILED_PRECONDITION, "TOO_MUCH_HELD"),
    HoldEnded: Fault(StatusCode.FAILED_PRECONDITION, "HOLD_ENDED"),
    Contended: Fault(StatusCode.ABORTED, "CONTENDED"),
    NotStored: Fault(StatusCode.UNAVAILABLE, "NOT_STORED"),
    OutcomeUnknown: Fault(StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN"),
}
