"""Facts for other services. Adapters encode them as events.

A fact about a mail carries the id of its request, never the token.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.people import Person


@dataclass(frozen=True)
class UserCreated:
    """A person registered."""

    account_id: UUID
    person: Person
    verification_id: UUID
    """The request for the mail that verifies the address."""


@dataclass(frozen=True)
class UserLoggedIn:
    """A person signed in."""

    account_id: UUID
    session_id: UUID
    client_app: str


@dataclass(frozen=True)
class UserUpdated:
    """An account or its profile changed, or its address was verified."""

    account_id: UUID
    person: Person
    """The account after the change."""
    verification_id: UUID | None
    """None: a new address is verified before it takes over. Earlier versions mailed to an address that had."""
    email_verified: bool


@dataclass(frozen=True)
class UserDeleted:
    """An account was deleted; its sessions have ended."""

    account_id: UUID


@dataclass(frozen=True)
class SessionRevoked:
    """A session ended before it expired."""

    account_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class PasswordResetRequested:
    """The owner of an account requested a mail that resets the password."""

    account_id: UUID
    reset_id: UUID


@dataclass(frozen=True)
class EmailVerificationRequested:
    """A user requested another mail that verifies the address."""

    account_id: UUID
    verification_id: UUID


@dataclass(frozen=True)
class EmailChangeRequested:
    """A change of an account's address was requested; the present address gets a mail that can undo it."""

    account_id: UUID
    undo_id: UUID


Fact = (
    UserCreated
    | UserLoggedIn
    | UserUpdated
    | UserDeleted
    | SessionRevoked
    | PasswordResetRequested
    | EmailVerificationRequested
    | EmailChangeRequested
)
