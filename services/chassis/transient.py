"""Which errors pass by themselves: something is away or busy for the moment, and the same work will succeed later.

Everything else is the work's own fault and stays however often it is tried. A module that knows a driver, or gRPC,
adds its errors.
"""

from __future__ import annotations

from collections.abc import Callable

from services.chassis import logs
from services.chassis.errors import DeadlineExceeded, IdempotencyInFlight, ResourceExhausted, Unavailable

_types: tuple[type[Exception], ...] = (
    Unavailable,
    DeadlineExceeded,
    ResourceExhausted,
    IdempotencyInFlight,
    OSError,  # refused, reset, unreachable, timed out
)
_LASTING = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
_tests: list[Callable[[BaseException], bool]] = []


def register(*types: type[Exception]) -> None:
    """Add a driver's errors. At import, by the module that knows the driver."""
    global _types
    _types += types


def register_test(passes: Callable[[BaseException], bool]) -> None:
    """Add a driver's errors that are not told apart by their classes alone. At import, as `register`."""
    _tests.append(passes)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later. Of several errors at once (a task group's): whether all of them pass."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_transient, error.exceptions))
    if isinstance(error, _types):
        return not isinstance(error, _LASTING)
    return any(passes(error) for passes in _tests)


def reason(error: BaseException) -> str:
    """What is behind an error that passes, for a log: the first of several, and rather the cause than `Unavailable`."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Unavailable) and error.__cause__ is not None:
        return reason(error.__cause__)
    return logs.error_text(error)
