"""Maps exceptions to the gRPC statuses that callers receive.

Each service has one catalogue that maps exception classes to a gRPC status and a reason. Any other exception is
INTERNAL, and its text is not sent. The response is a `google.rpc.Status` with

- ErrorInfo: `reason` (UPPER_SNAKE, one per exception class), domain "argosy", `metadata`;
- BadRequest: one violation per invalid field, by its camelCase path, if the exception has `violations`;
- RetryInfo: the exception's `retry_after`; without one, one second for UNAVAILABLE and RESOURCE_EXHAUSTED.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.chassis.plain.errors import (
    SOON,
    AlreadyExists,
    DeadLetterNotHandled,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    IdempotencyInFlight,
    IdempotencyMismatch,
    InvalidArgument,
    NotFound,
    Overloaded,
    PermissionDenied,
    RequestTooLarge,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "argosy"

_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

# A status is sent in HTTP/2 headers, which clients limit to 8 KiB.
_LONGEST_MESSAGE = 300
_LONGEST_PATH = 200
_MOST_BYTES_OF_VIOLATIONS = 2_500


@dataclass(frozen=True)
class Fault:
    """Status and reason of an exception class, as callers receive them."""

    status: grpc.StatusCode
    reason: str
    """UPPER_SNAKE. Stable: programs may act on it."""


CHASSIS_FAULTS: Mapping[type[Exception], Fault] = MappingProxyType(
    {
        InvalidArgument: Fault(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
        RequestTooLarge: Fault(grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE"),
        Unauthenticated: Fault(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        PermissionDenied: Fault(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        NotFound: Fault(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
        AlreadyExists: Fault(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"),
        IdempotencyMismatch: Fault(grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_MISMATCH"),
        IdempotencyInFlight: Fault(grpc.StatusCode.ABORTED, "IDEMPOTENCY_IN_FLIGHT"),
        DeadLetterNotHandled: Fault(grpc.StatusCode.FAILED_PRECONDITION, "DEAD_LETTER_NOT_HANDLED"),
        FailedPrecondition: Fault(grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION"),
        ResourceExhausted: Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
        Overloaded: Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
        Unavailable: Fault(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
        DeadlineExceeded: Fault(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    }
)

INTERNAL = Fault(grpc.StatusCode.INTERNAL, "INTERNAL")
INTERNAL_MESSAGE = "internal error"


class Catalogue:
    """Exception class → fault. One per service, built from its own faults; it always contains the chassis' faults."""

    def __init__(self, faults: Mapping[type[Exception], Fault]) -> None:
        self._faults: dict[type[Exception], Fault] = {**CHASSIS_FAULTS, **faults}

    def fault_of(self, error: BaseException) -> Fault | None:
        """The fault of the error's class or nearest ancestor. None: unmapped; reported as INTERNAL without details."""
        for ancestor in type(error).__mro__:
            fault = self._faults.get(ancestor)
            if fault is not None:
                return fault
        return None

    def status_of(self, error: BaseException) -> status_pb2.Status:
        """The status for the caller. It never contains the text of an unmapped exception."""
        fault = self.fault_of(error)
        if fault is None:
            return _status(INTERNAL, INTERNAL_MESSAGE)
        status = _status(fault, str(error), getattr(error, "metadata", None))
        violations = getattr(error, "violations", ())
        if violations:
            _pack(status, _bad_request(violations))
        retry_after = self.retry_after_of(error)
        if retry_after is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromTimedelta(retry_after)
            _pack(status, retry)
        return status

    def retry_after_of(self, error: BaseException) -> timedelta | None:
        """The error's `retry_after`; without one, SOON if the status is UNAVAILABLE or RESOURCE_EXHAUSTED."""
        fault = self.fault_of(error)
        if fault is None:
            return None
        own: timedelta | None = getattr(error, "retry_after", None)
        return SOON if own is None and fault.status in _RETRYABLE else own


def _status(fault: Fault, message: str, metadata: Mapping[str, str] | None = None) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.Code.Value(fault.status.name), message=_cut(message, _LONGEST_MESSAGE))
    _pack(status, error_details_pb2.ErrorInfo(reason=fault.reason, domain=DOMAIN, metadata=metadata or {}))
    return status


def _bad_request(violations: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    """As many violations as fit into the limit. The rest is reported at the next attempt."""
    bad_request = error_details_pb2.BadRequest()
    for field, description in violations:
        bad_request.field_violations.add(
            field=_cut(field, _LONGEST_PATH), description=_cut(description, _LONGEST_MESSAGE)
        )
        if bad_request.ByteSize() > _MOST_BYTES_OF_VIOLATIONS:
            break
    return bad_request


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _pack(status: status_pb2.Status, detail: Message) -> None:
    status.details.add().Pack(detail)
