"""What callers are told about what went wrong here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from grpc import StatusCode

from services.chassis.statuses import Fault
from services.order.domain import (
    IllegalTransition,
    OnlyStaffListOthers,
    OrderNotFound,
    OwnerMayOnlyCancel,
)
from services.order.inventory import OUT_OF_STOCK, HoldEnded, OutOfStock
from services.order.journal import Contended
from services.order.store import NotStored, OutcomeUnknown

FAULTS: Mapping[type[Exception], Fault] = MappingProxyType(
    {
        OrderNotFound: Fault(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"),
        OwnerMayOnlyCancel: Fault(StatusCode.PERMISSION_DENIED, "OWNER_MAY_ONLY_CANCEL"),
        OnlyStaffListOthers: Fault(StatusCode.PERMISSION_DENIED, "ONLY_STAFF_LIST_OTHERS"),
        IllegalTransition: Fault(StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION"),
        OutOfStock: Fault(StatusCode.FAILED_PRECONDITION, OUT_OF_STOCK),
        HoldEnded: Fault(StatusCode.FAILED_PRECONDITION, "HOLD_ENDED"),
        Contended: Fault(StatusCode.ABORTED, "CONTENDED"),
        NotStored: Fault(StatusCode.UNAVAILABLE, "NOT_STORED"),
        OutcomeUnknown: Fault(StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN"),
    }
)
