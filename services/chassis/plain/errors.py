"""The exceptions that every service may raise. No driver, no protobuf: use cases and domains may import it.

statuses.py maps them, and a service's own, to gRPC statuses. Any exception may have the attributes `violations` (pairs
of a camelCase path and the rule), `metadata` (text → text) and `retry_after`; the base class `AppError` has them.

    Exception
    └── AppError
        ├── InvalidArgument        INVALID_ARGUMENT    bad input; names the fields
        ├── RequestTooLarge        INVALID_ARGUMENT    larger than the rpc's max_request_bytes
        ├── Unauthenticated        UNAUTHENTICATED     no token, or an invalid one
        ├── PermissionDenied       PERMISSION_DENIED   the token's owner may not do this
        ├── NotFound               NOT_FOUND           does not exist, or is not the caller's
        ├── AlreadyExists          ALREADY_EXISTS
        ├── IdempotencyMismatch    ALREADY_EXISTS      the key was used with other content
        ├── IdempotencyInFlight    ABORTED             the first call with the key has not answered yet
        ├── FailedPrecondition     FAILED_PRECONDITION
        ├── ResourceExhausted      RESOURCE_EXHAUSTED  over a limit; has retry_after
        │   └── Overloaded         RESOURCE_EXHAUSTED  too many concurrent calls in this process
        ├── Unavailable            UNAVAILABLE         a dependency is unavailable; has retry_after
        └── DeadlineExceeded       DEADLINE_EXCEEDED
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, NamedTuple

SOON = timedelta(seconds=1)
"""The default of `retry_after`."""


class FieldViolation(NamedTuple):
    """One invalid field."""

    field: str
    """The path in the request, in camelCase, such as `items[0].quantity`; for a header, its name."""
    description: str
    """The rule that the value must satisfy."""


class AppError(Exception):
    """An error for the caller. Its message is sent to the caller."""

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
    """The input is invalid, independent of the system's state.

    `InvalidArgument([FieldViolation("orderId", "must be a UUID")])`. The default message lists the violations.
    """

    def __init__(self, violations: Sequence[FieldViolation], message: str | None = None) -> None:
        text = message or "; ".join(f"{field}: {description}" for field, description in violations)
        super().__init__(text, violations=violations)


class RequestTooLarge(AppError):
    """The request is larger than its rpc accepts."""

    default_message = "the request is larger than this method accepts"


class Unauthenticated(AppError):
    """A required token is missing, or a token is invalid."""

    default_message = "a valid access token is required"


class PermissionDenied(AppError):
    """The caller is authenticated but may not do this."""

    default_message = "not allowed"


class NotFound(AppError):
    """It does not exist, or belongs to another user: callers cannot distinguish the two."""

    default_message = "not found"


class AlreadyExists(AppError):
    """It already exists."""

    default_message = "already exists"


class IdempotencyMismatch(AppError):
    """The idempotency key was used before, with other content."""

    default_message = "this Idempotency-Key was used with a different request; use a new key for a new request"


class IdempotencyInFlight(AppError):
    """The first call with this idempotency key has not answered within this call's deadline."""

    default_message = "a request with this Idempotency-Key is still being processed; try again with the same key"
    default_retry_after = SOON


class FailedPrecondition(AppError):
    """The current state does not allow it. The same call may succeed after the state has changed."""

    default_message = "not possible in the current state"


class DeadLetterNotHandled(FailedPrecondition):
    """The event of a dead letter could not be handled again."""

    default_message = "the event could not be handled again"


class ResourceExhausted(AppError):
    """A limit is exceeded."""

    default_message = "too many requests at once; try again later"


class Overloaded(ResourceExhausted):
    """Too many calls are in flight in this process. This one has not begun."""

    default_message = "too many calls at the moment; try again later"


class Unavailable(AppError):
    """A dependency is temporarily unavailable. `raise Unavailable() from error` logs the cause."""

    default_message = "temporarily unavailable; try again"


class DeadlineExceeded(AppError):
    """The deadline passed. Whether the call had an effect is unknown: retry with the same idempotency key, or read."""

    default_message = "the deadline was exceeded"
