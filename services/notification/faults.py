"""What callers are told about what went wrong here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from grpc import StatusCode

from services.chassis.statuses import Fault
from services.notification.domain import InvalidPreferences

FAULTS: Mapping[type[Exception], Fault] = MappingProxyType(
    {InvalidPreferences: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")}
)
