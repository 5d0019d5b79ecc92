"""Classifies errors as transient: a dependency is unavailable or busy, and the same work will succeed later.

Retries do not help against any other error. Modules that use a driver, or gRPC, register its errors.
"""

from __future__ import annotations

from collections.abc import Callable

from services.chassis.plain import logs
from services.chassis.plain.errors import DeadlineExceeded, IdempotencyInFlight, ResourceExhausted, Unavailable

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
    """Register transient exception classes of a driver. Call at import of the module that uses the driver."""
    global _types
    _types += types


def register_test(passes: Callable[[BaseException], bool]) -> None:
    """Register a test for transient errors that the class alone does not identify. Call at import, like `register`."""
    _tests.append(passes)


def is_transient(error: BaseException) -> bool:
    """Whether the error is transient. An exception group is transient if all its errors are."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_transient, error.exceptions))
    if isinstance(error, _types):
        return not isinstance(error, _LASTING)
    return any(passes(error) for passes in _tests)


def reason(error: BaseException) -> str:
    """The text of a transient error for a log: the first of a group; the cause of an Unavailable, if it has one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Unavailable) and error.__cause__ is not None:
        return reason(error.__cause__)
    return logs.error_text(error)
