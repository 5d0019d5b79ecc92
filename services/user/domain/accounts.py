"""Accounts: their status, who may read and change them, and the effect of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.user.domain.people import Person, address_key, new_person
from services.user.domain.profiles import Profile


class AccountStatus(StrEnum):
    """The status of an account."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


@dataclass(frozen=True)
class Account:
    """An account as Register and Login return it."""

    id: UUID
    person: Person
    created_at: datetime
    roles: Sequence[str] = ()


@dataclass(frozen=True)
class User:
    """An account with all that its owner may read."""

    id: UUID
    person: Person
    email_verified: bool
    status: AccountStatus
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None
    profile: Profile
    pending_email: str | None = field(default=None, repr=False)
    """The address that takes over when it is verified."""

    def as_of(self, instant: datetime) -> User:
        """A copy that was last changed at that instant."""
        return replace(self, updated_at=instant)


@dataclass(frozen=True)
class AccountSummary:
    """An account as staff find it."""

    id: UUID
    person: Person
    email_verified: bool
    status: AccountStatus
    created_at: datetime


@dataclass(frozen=True)
class Changes:
    """A change of an account. None, and fields that are not in `profile`, stay as they are."""

    email: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    profile: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Fields of `Profile` by name; None clears a field."""


class NoSuchUser(Exception):
    """The account does not exist, or is another person's: the error is the same."""

    def __init__(self) -> None:
        super().__init__("user not found")


class EmailTaken(Exception):
    """An account with this address exists."""

    def __init__(self) -> None:
        super().__init__("an account with this email address already exists; sign in, or use another address")
        self.violations = [("email", "must not be the address of an account")]


class AccountDeleted(Exception):
    """The account is deleted and cannot be changed."""

    def __init__(self) -> None:
        super().__init__("the account is deleted")


class OwnAccount(Exception):
    """Staff cannot suspend their own account: they could not undo it."""

    def __init__(self) -> None:
        super().__init__("you cannot suspend your own account")


def suspended(status: AccountStatus, suspend: bool, own: bool) -> AccountStatus:
    """The status after staff suspend or reinstate an account; `own`: it is their own.

    Raises:
        AccountDeleted: it is deleted.
        OwnAccount: they would suspend themselves.
    """
    if status is AccountStatus.DELETED:
        raise AccountDeleted
    if suspend and own:
        raise OwnAccount
    return AccountStatus.SUSPENDED if suspend else AccountStatus.ACTIVE


def may_read(reader: UUID, reader_is_staff: bool, owner: UUID) -> bool:
    """Whether the reader may read the owner's account, or learn that it exists."""
    return reader_is_staff or reader == owner


def may_change(caller: UUID, caller_is_staff: bool, owner: UUID) -> bool:
    """Whether the caller may change or delete the owner's account."""
    return may_read(caller, caller_is_staff, owner)


def new_address(user: User, changes: Changes) -> str | None:
    """The address that the changes ask for. None: the present one stays, at most in another case."""
    if changes.email is None or address_key(changes.email) == user.person.address_key:
        return None
    return changes.email.strip()


def changed(user: User, changes: Changes) -> User:
    """The account after the changes, but for a new address, which must be verified first.

    Raises:
        AccountDeleted: it is deleted.
        InvalidPerson: a name is not valid.
    """
    if user.status is AccountStatus.DELETED:
        raise AccountDeleted
    was = user.person
    person = new_person(
        was.email if changes.email is None or new_address(user, changes) else changes.email,
        was.first_name if changes.first_name is None else changes.first_name,
        was.last_name if changes.last_name is None else changes.last_name,
    )
    return replace(user, person=person, profile=replace(user.profile, **changes.profile))
