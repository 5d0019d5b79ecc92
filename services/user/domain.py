"""Who may have an account, who may sign in, who may read and change whose account, and which key signs tokens.

Pure: no I/O, no clock, no protobuf.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from uuid import UUID

TOKEN_LIFE = timedelta(hours=24)
"""How long a session and its token are good."""

KEY_MARGIN = timedelta(hours=1)
"""How much longer than any token of its a key is kept: clocks differ, and copies of a directory come late."""

MAIL_TOKEN_LIFE = timedelta(hours=1)
"""How long a token that was mailed is good."""

MAIL_REQUEST_LIFE = timedelta(hours=24)
"""How late a mail may still be sent, when the mail server was away."""

LONGEST_PAUSE = timedelta(seconds=60)
"""How long a failed sign-in can make the next one wait, so that nobody locks another person out for long."""

MOST_BYTES_OF_PREFERENCES = 8_192
"""What the preferences may take as JSON."""

_VISIBLE = frozenset("LMNPS")
"""The first letters of the Unicode categories that put ink on paper."""


class AccountStatus(StrEnum):
    """Where an account stands."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Purpose(StrEnum):
    """What a token is mailed for."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - no password
    EMAIL_VERIFICATION = "email_verification"


class EmailTaken(Exception):
    """Somebody has an account with this address."""

    def __init__(self) -> None:
        super().__init__("an account with this email address already exists; sign in, or use another address")
        self.violations = [("email", "must not be the address of an account")]


class InvalidPerson(Exception):
    """What was given is not a person's name; `violations` says which field and what would be right."""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))
        self.violations = violations


class InvalidProfile(Exception):
    """Something in a profile is not what it should be; `violations` says which field and what would be right."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(f"profile.{name}: {description}")
        self.violations = [(f"profile.{name}", description)]


class AccountDeleted(Exception):
    """The account was deleted: there is nothing to change any more."""

    def __init__(self) -> None:
        super().__init__("the account is deleted")


class MailTokenNotGood(Exception):
    """The token is none of ours, was used, has expired or was replaced by a newer one: all told alike."""

    def __init__(self) -> None:
        super().__init__("the token is invalid or has expired; request another email")
        self.violations = [("token", "must be from the latest mail, not used yet and at most an hour old")]


class OwnAccount(Exception):
    """Staff who suspended themself could not undo it."""

    def __init__(self) -> None:
        super().__init__("you cannot suspend your own account")


@dataclass(frozen=True)
class Person:
    """Who an account is for, as they wrote it, surrounding blanks apart."""

    email: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)

    @property
    def address_key(self) -> str:
        """What tells this address from another's."""
        return address_key(self.email)

    @property
    def full_name(self) -> str:
        """The name to write to."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Account:
    """An account as registering and signing in tell it."""

    id: UUID
    person: Person
    created_at: datetime
    roles: Sequence[str]


@dataclass(frozen=True)
class Credentials:
    """What signing in is decided by."""

    account_id: UUID
    password_hash: bytes = field(repr=False)
    status: AccountStatus


@dataclass(frozen=True)
class Profile:
    """What a person says about themself."""

    avatar_url: str | None = None
    bio: str | None = None
    preferences: dict[str, Any] | None = None
    address: dict[str, Any] | None = None
    phone: str | None = None
    date_of_birth: date | None = None


@dataclass(frozen=True)
class User:
    """An account with everything that its owner may read."""

    id: UUID
    person: Person
    email_verified: bool
    status: AccountStatus
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None
    profile: Profile

    def as_of(self, instant: datetime) -> User:
        """The same, last changed at that instant."""
        return replace(self, updated_at=instant)


@dataclass(frozen=True)
class Changes:
    """What is to be otherwise; None and what is not in `profile` stay as they are."""

    email: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    profile: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Fields of `Profile` by name; None empties one."""


def new_person(email: str, first_name: str, last_name: str) -> Person:
    """The person that an account is made for; whether the address is one was decided by the contract.

    Raises:
        InvalidPerson: a name has nothing to see in it, or control characters (a line break in a name would be one in
            the mails that are sent to it).
    """
    person = Person(email.strip(), first_name.strip(), last_name.strip())
    names = {"firstName": person.first_name, "lastName": person.last_name}
    violations = [(name, problem) for name, value in names.items() if (problem := _name_problem(value)) is not None]
    if violations:
        raise InvalidPerson(violations)
    return person


def address_key(email: str) -> str:
    """The form in which two addresses are the same: ASCII letters in lower case, surrounding blanks gone.

    Letters beyond ASCII are left alone, so that the database's idea of lower case (collation "C") is the same as ours.
    """
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in email.strip())


def may_sign_in(status: AccountStatus, password_matches: bool) -> bool:
    """Whether a session may be opened. Who is refused does not learn which of the two it was."""
    return password_matches and status is AccountStatus.ACTIVE


def suspended(status: AccountStatus, suspend: bool, own: bool) -> AccountStatus:
    """Where the account stands after staff suspended or reinstated it; `own`: it is their own.

    Raises:
        AccountDeleted: it was deleted.
        OwnAccount: they would suspend themself.
    """
    if status is AccountStatus.DELETED:
        raise AccountDeleted
    if suspend and own:
        raise OwnAccount
    return AccountStatus.SUSPENDED if suspend else AccountStatus.ACTIVE


def pause_after(failures: int, free: int) -> timedelta:
    """How long the next sign-in has to wait: not at all before `free` failures, then 1 s, 2 s, 4 s … 60 s."""
    if failures < free:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - free, 10)), LONGEST_PAUSE)


def may_read(reader: UUID, reader_is_staff: bool, owner: UUID) -> bool:
    """Whether the reader may know of the owner's account at all."""
    return reader_is_staff or reader == owner


def may_change(caller: UUID, caller_is_staff: bool, owner: UUID) -> bool:
    """Whether the caller may change or delete the owner's account."""
    return may_read(caller, caller_is_staff, owner)


def changed(user: User, changes: Changes) -> User:
    """The account after the changes. An address that is another one is yet to be verified.

    Raises:
        AccountDeleted: it was deleted.
        InvalidPerson: a name is none.
    """
    if user.status is AccountStatus.DELETED:
        raise AccountDeleted
    was = user.person
    person = new_person(
        was.email if changes.email is None else changes.email,
        was.first_name if changes.first_name is None else changes.first_name,
        was.last_name if changes.last_name is None else changes.last_name,
    )
    verified = user.email_verified and person.address_key == was.address_key
    profile = replace(user.profile, **changes.profile)
    return replace(user, person=person, email_verified=verified, profile=profile)


def date_of_birth(text: str, today: date) -> date:
    """The day that `YYYY-MM-DD` names. Raises InvalidProfile for one that is not in the calendar, or not past."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidProfile("dateOfBirth", "must be a valid date, as YYYY-MM-DD") from None
    if day >= today:
        raise InvalidProfile("dateOfBirth", "must be in the past")
    return day


def preferences(given: dict[str, Any]) -> dict[str, Any]:
    """The preferences, if they are small enough to keep. Raises InvalidProfile."""
    if len(json.dumps(given, ensure_ascii=False).encode()) > MOST_BYTES_OF_PREFERENCES:
        raise InvalidProfile("preferences", f"must be at most {MOST_BYTES_OF_PREFERENCES:,} bytes as JSON")
    return given


class Published(Protocol):
    """A signing key, as far as choosing between keys goes."""

    @property
    def created_at(self) -> datetime:
        """When its public half was first published."""


AnyKey = TypeVar("AnyKey", bound=Published)


def choose_signing_key(keys: Sequence[AnyKey], now: datetime, settle: timedelta) -> AnyKey:
    """The newest key that has been public for `settle`, so that whoever verifies has fetched it before it signs.

    With none that old (the first key of all, just made) it is the oldest: the most likely to be known.

    Raises:
        ValueError: there are no keys.
    """
    settled = [key for key in keys if key.created_at + settle <= now]
    if settled:
        return max(settled, key=lambda key: key.created_at)
    return min(keys, key=lambda key: key.created_at)


def signs_until(key: Published, keys: Sequence[Published], settle: timedelta) -> datetime | None:
    """When the next newer key takes over from this one; None: there is none yet."""
    newer = [other.created_at for other in keys if other.created_at > key.created_at]
    return min(newer) + settle if newer else None


def needed_until(key: Published, keys: Sequence[Published], settle: timedelta) -> datetime | None:
    """Until when a token that this key signed could be good; None: nobody knows yet, it signs, or will."""
    last_signature = signs_until(key, keys, settle)
    return last_signature + TOKEN_LIFE + KEY_MARGIN if last_signature is not None else None


def _name_problem(name: str) -> str | None:
    categories = [unicodedata.category(character) for character in name]
    if not any(category[0] in _VISIBLE for category in categories):
        return "must not be blank"
    if any(category in {"Cc", "Zl", "Zp"} for category in categories):
        return "must not contain control characters or line breaks"
    return None
