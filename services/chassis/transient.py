"""Which errors pass by themselves: something is away or busy for the moment, and the same work will succeed later.

Everything else is the work's own fault and stays however often it is tried. The stores add their drivers' errors.
"""

from __future__ import annotations

import grpc

from services.chassis.errors import DeadlineExceeded, IdempotencyInFlight, ResourceExhausted, Unavailable

_types: tuple[type[Exception], ...] = (
    Unavailable,
    DeadlineExceeded,
    ResourceExhausted,
    IdempotencyInFlight,
    OSError,  # refused, reset, unreachable, timed out
)
_LASTING = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
_STATUSES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
    }
)


def register(*types: type[Exception]) -> None:
    """Add a driver's errors. At import, by the module that knows the driver."""
    global _types
    _types += types


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later."""
    if isinstance(error, grpc.RpcError):
        code = getattr(error, "code", None)
        return callable(code) and code() in _STATUSES
    return isinstance(error, _types) and not isinstance(error, _LASTING)
