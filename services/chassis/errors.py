"""The exceptions that every service may raise. Plain: use cases and domains import it.

statuses.py turns them, and a service's own, into gRPC statuses. Any exception may have the attributes `violations`
(pairs of a camelCase path and what is right), `metadata` (text → text) and `retry_after`; `AppError` is a base that has
them.

    Exception
    └── AppError
        ├── InvalidArgument        INVALID_ARGUMENT    bad input; names the fields
        ├── Unauthenticated        UNAUTHENTICATED     no token, or not a good one
        ├── PermissionDenied       PERMISSION_DENIED   a good token that is not enough
        ├── NotFound               NOT_FOUND           unknown, or not the caller's
        ├── AlreadyExists          ALREADY_EXISTS
        ├── IdempotencyMismatch    ALREADY_EXISTS      other content under a used key
        ├── IdempotencyInFlight    ABORTED             the first call with the key has not answered yet
        ├── FailedPrecondition     FAILED_PRECONDITION
        ├── ResourceExhausted      RESOURCE_EXHAUSTED  too much at once; says when to come back
        ├── Unavailable            UNAVAILABLE         a dependency is away; says when to come back
        └── DeadlineExceeded       DEADLINE_EXCEEDED
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, NamedTuple

SOON = timedelta(seconds=1)
"""When to come back, where an error does not say so."""


class FieldViolation(NamedTuple):
    """One field that is not as it should be."""

    field: str
    """Where it is, as the caller wrote it: a camelCase path such as `items[0].quantity`; a header by its name."""
    description: str
    """What would be right."""


class AppError(Exception):
    """An error that a caller may read. Its message is what they are told."""

    default_message: ClassVar[str] = "the request failed"
    default_retry_after: ClassVar[timedelta | None] = None

    def __init__(
        self,
        message: str | None = None,
        *,
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message or self.default_message)
        self.violations = violations
        self.metadata: Mapping[str, str] = metadata or {}
        self.retry_after = retry_after or self.default_retry_after


class InvalidArgument(AppError):
    """The input is wrong whatever the state of the system.

    `InvalidArgument([FieldViolation("orderId", "must be a UUID")])`; the message names the fields unless one is given.
    """

    def __init__(self, violations: Sequence[FieldViolation], message: str | None = None) -> None:
        told = message or "; ".join(f"{field}: {description}" for field, description in violations)
        super().__init__(told, violations=violations)


class Unauthenticated(AppError):
    """Nobody we know: no token where one is needed, or one that does not verify."""

    default_message = "a valid access token is required"


class PermissionDenied(AppError):
    """Somebody we know who may not do this."""

    default_message = "not allowed"


class NotFound(AppError):
    """It does not exist, or is somebody else's: the two are told alike."""

    default_message = "not found"


class AlreadyExists(AppError):
    """It is there already."""

    default_message = "already exists"


class IdempotencyMismatch(AppError):
    """The idempotency key was used before, with other content."""

    default_message = "this Idempotency-Key was used with a different request; use a new key for a new request"


class IdempotencyInFlight(AppError):
    """The first call with this idempotency key has not answered within this call's deadline."""

    default_message = "a request with this Idempotency-Key is still being processed; try again with the same key"
    default_retry_after = SOON


class FailedPrecondition(AppError):
    """The system's state does not allow it now; the same call may succeed once the state has changed."""

    default_message = "not possible in the current state"


class ResourceExhausted(AppError):
    """Too much at once."""

    default_message = "too many requests at once; try again later"


class Unavailable(AppError):
    """Something that the call needs is away for the moment; `raise Unavailable() from error` logs what."""

    default_message = "temporarily unavailable; try again"


class DeadlineExceeded(AppError):
    """The call's time was up. Whether it took effect is unknown: repeat it with the same idempotency key, or look."""

    default_message = "the deadline was exceeded"
