"""The service's errors → gRPC statuses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from grpc import StatusCode

from services.chassis.rpc.statuses import Fault
from services.notification.domain.preferences import InvalidPreferences
from services.notification.use_cases.retry_parked import NotParked

STATUSES: Mapping[type[Exception], Fault] = MappingProxyType(
    {
        InvalidPreferences: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
        NotParked: Fault(StatusCode.NOT_FOUND, "MESSAGE_NOT_PARKED"),
    }
)
