"""One example of each fact of the service, every field set (tests/golden)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.user.adapters.facts import encode
from services.user.domain.facts import (
    EmailChangeRequested,
    EmailVerificationRequested,
    Fact,
    PasswordResetRequested,
    SessionRevoked,
    UserCreated,
    UserDeleted,
    UserLoggedIn,
    UserUpdated,
)
from services.user.domain.people import Person
from tests.golden.examples import RESET, SESSION, USER, VERIFICATION, bus_files, records

ANN = Person("ann@example.com", "Ann", "Otter")
FACTS: Sequence[Fact] = (
    UserCreated(USER, ANN, VERIFICATION),
    UserLoggedIn(USER, SESSION, "web-app"),
    UserUpdated(USER, Person("ann@example.org", "Ann", "Otter"), VERIFICATION, email_verified=True),
    UserDeleted(USER),
    SessionRevoked(USER, SESSION),
    PasswordResetRequested(USER, RESET),
    EmailVerificationRequested(USER, VERIFICATION),
    EmailChangeRequested(USER, RESET),
)


def facts() -> Sequence[Fact]:
    """One of each."""
    return FACTS


def files(*, release: str | None) -> Mapping[str, Any]:
    """The golden files of today's events."""
    return bus_files(records("user", encode, FACTS))
