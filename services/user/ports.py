"""The ports of the use cases, in the domain's terms. `adapters/` implements each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol
from uuid import UUID

from services.chassis.plain import unit_of_work
from services.chassis.plain.errors import ResourceExhausted
from services.user.domain.accounts import Account, AccountStatus, AccountSummary, User
from services.user.domain.address_changes import AddressChange
from services.user.domain.facts import Fact
from services.user.domain.limits import Limit
from services.user.domain.mail_requests import MailRequest, Purpose
from services.user.domain.people import Person
from services.user.domain.sessions import Client, OpenSession, Session
from services.user.domain.sign_in import Credentials
from services.user.domain.signing_keys import Key


class Accounts(Protocol):
    """Accounts with their profiles."""

    async def get(self, account_id: UUID) -> User | None:
        """The account with its profile; deleted accounts too. None: there is no such account."""

    async def with_address(self, address_key: str) -> AccountSummary | None:
        """The account with this address. None: no account that is not deleted has it."""

    async def with_prefix(self, prefix_key: str, after: UUID | None, limit: int) -> list[AccountSummary]:
        """Up to `limit` accounts whose addresses begin like this, in the order of their addresses; no deleted ones.

        They come after the address of the account `after`; None: from the first one on.
        """

    async def newest(self, before: UUID | None, limit: int) -> list[AccountSummary]:
        """Up to `limit` accounts that are older than `before`, newest first; deleted accounts too."""

    async def credentials_by_address(self, address_key: str) -> Credentials | None:
        """The credentials of the account with this address. None: no account that is not deleted has it."""

    async def credentials_by_id(self, account_id: UUID) -> Credentials | None:
        """The credentials of an account, also of a deleted one. None: there is no such account."""

    async def add(self, account_id: UUID, person: Person, password_hash: bytes) -> Account:
        """Creates an account with an empty profile.

        Raises EmailTaken: another account has the address. The unit of work must then be rolled back.
        """

    async def save(self, user: User) -> datetime:
        """Stores the current state of an account and its profile. Returns the time of the change.

        Raises EmailTaken: another account has the address. The unit of work must then be rolled back.
        """

    async def lock(self, account_id: UUID) -> AccountStatus | None:
        """The account's status, locked until the unit of work ends. None: there is no such account."""

    async def lock_addressed(self, account_id: UUID, address_key: str) -> AccountStatus | None:
        """The same for an account that has this address. None: also when it has another address now."""

    async def lock_unchanged(self, credentials: Credentials) -> Account | None:
        """The account, locked until the unit of work ends. None: its status or its password has changed."""

    async def lock_staff(self, address_key: str) -> tuple[UUID, bool] | None:
        """The account with this address, locked, and whether it has the role staff. None: there is no such account."""

    async def set_staff(self, account_id: UUID, staff: bool) -> None:
        """Grants or revokes the role staff."""

    async def set_email_verified(self, account_id: UUID) -> None:
        """Records that the account's address belongs to its owner."""

    async def set_password(self, account_id: UUID, password_hash: bytes) -> None:
        """Stores another password hash."""

    async def set_status(self, account_id: UUID, status: AccountStatus) -> None:
        """Stores the account's status."""

    async def set_last_login(self, account_id: UUID) -> None:
        """Records that the user signed in now."""


class Sessions(Protocol):
    """Stored sessions. An open session has neither ended nor expired."""

    async def add(self, session: Session) -> None:
        """Stores a session; its token is valid from the commit on."""

    async def belongs(self, account_id: UUID, session_id: UUID) -> bool:
        """Whether the session is, or was, this account's."""

    async def end(self, account_id: UUID, session_id: UUID) -> bool:
        """Ends a session of the account. False: it was not open."""

    async def end_all(self, account_id: UUID, but: UUID | None = None) -> list[UUID]:
        """Ends all open sessions of an account, except `but`. Returns their ids."""

    async def page(self, account_id: UUID, before: UUID | None, limit: int) -> list[OpenSession]:
        """Up to `limit` open sessions of an account that are older than `before`, newest first."""


class MailRequests(Protocol):
    """Requests for mails with tokens. The account is locked by the unit of work."""

    async def open(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        """Creates a request; earlier ones of the account for this purpose become void."""

    async def open_first(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        """The same for an account without a request for this purpose."""

    async def void(self, account_id: UUID, *purposes: Purpose) -> None:
        """Voids the account's requests and tokens for these purposes, also those not mailed yet."""

    async def get(self, request_id: UUID) -> MailRequest | None:
        """A request. None: there is no such request."""

    async def is_open(self, request_id: UUID) -> bool:
        """Whether a mail may be sent for the request: it is not used, void, or too old."""

    async def mint(self, request: MailRequest) -> tuple[str, datetime]:
        """Creates a token of the request and stores its hash. Returns the token and its expiry."""

    async def find(self, token: str, purpose: Purpose) -> MailRequest | None:
        """The request of a token. None: the token is not valid, or is for another purpose."""

    async def settle(self, request_id: UUID) -> bool:
        """Marks the request as used. False: it is used or void already."""


class AddressChanges(Protocol):
    """Changes of mail addresses. The account is locked by the unit of work."""

    async def open(self, change: AddressChange) -> None:
        """Stores a change whose new address must be verified; it replaces an earlier one."""

    async def pending(self, account_id: UUID) -> AddressChange | None:
        """The change of the account whose new address may still be verified. None: there is none."""

    async def of_undo(self, undo_id: UUID) -> AddressChange | None:
        """The change that a mail request undoes. None: there is none."""

    async def complete(self, undo_id: UUID) -> None:
        """Records that the new address has taken over."""

    async def withdraw(self, account_id: UUID) -> None:
        """Drops the change whose new address is not verified yet. Changes nothing if there is none."""

    async def undo(self, change: AddressChange) -> None:
        """Drops this change and all later ones of the account; the mails about them become void."""

    async def is_left(self, address_key: str, by_others_than: UUID) -> bool:
        """Whether another account has left the address so lately that it may come back to it."""


class SignInFailures(Protocol):
    """Counts of failed sign-ins, shared by all replicas."""

    async def refused_for(self, limits: Sequence[Limit]) -> timedelta | None:
        """How long sign-ins are still rejected under any of these. None: a sign-in may be tried."""

    async def count(self, limits: Sequence[Limit]) -> list[int]:
        """Adds one failure to each, and locks them until the unit of work ends. Returns the new counts, in order."""

    async def take_back(self, limits: Sequence[Limit]) -> None:
        """Subtracts one failure from each and ends its pause: what was counted was none."""

    async def refuse_for(self, limit: Limit, pause: timedelta) -> None:
        """Rejects sign-ins for this long from now, or until a later stored instant."""

    async def forget(self, limit: Limit) -> None:
        """Deletes a count."""


class KnownClients(Protocol):
    """Client addresses from which users have signed in."""

    async def knows(self, account_id: UUID, address: IPv4Address | IPv6Address) -> bool:
        """Whether the account was signed in to from this address lately."""

    async def remember(self, account_id: UUID, address: IPv4Address | IPv6Address) -> None:
        """Records a sign-in from this address."""


@dataclass(frozen=True)
class Asked:
    """The number of requested mails, including the latest one."""

    times: int
    ends_in: timedelta
    """Time until the window ends."""


class MailAsks(Protocol):
    """Counts of requested mails, shared by all replicas."""

    async def count(self, limits: Sequence[Limit]) -> list[Asked]:
        """Adds one request to each. Returns the counts in the same order."""


class ResetWishes(Protocol):
    """Addresses for which a password reset was requested, until they are processed."""

    async def add(self, address_key: str) -> None:
        """Stores an address."""

    async def take(self) -> str | None:
        """The oldest address that no other unit of work processes, deleted on commit. None: there is none."""


class UserUnit(unit_of_work.UnitOfWork[Fact], Protocol):
    """One transaction on accounts, sessions, mail requests and counts."""

    @property
    def accounts(self) -> Accounts:
        """Accounts with their profiles."""

    @property
    def sessions(self) -> Sessions:
        """Stored sessions."""

    @property
    def mail_requests(self) -> MailRequests:
        """Requests for mails with tokens."""

    @property
    def address_changes(self) -> AddressChanges:
        """Changes of mail addresses."""

    @property
    def mail_asks(self) -> MailAsks:
        """Counts of requested mails."""

    @property
    def sign_in_failures(self) -> SignInFailures:
        """Counts of failed sign-ins."""

    @property
    def known_clients(self) -> KnownClients:
        """Client addresses from which users have signed in."""

    @property
    def reset_wishes(self) -> ResetWishes:
        """Addresses for which a password reset was requested."""


Work = unit_of_work.UnitsOfWork[UserUnit]
"""Opens units of work."""


class TooManySignIns(ResourceExhausted):
    """Too many passwords wait to be hashed, or this one has waited too long."""

    default_message = "too many sign-ins at the moment; try again later"
    default_retry_after = timedelta(seconds=2)
    """About the time in which a full queue of the default length is processed."""


class Passwords(Protocol):
    """Hashes passwords and compares them with hashes. Calls are expensive on purpose."""

    def check_room(self, name: str) -> None:
        """Raises TooManySignIns if a password of this name could not be hashed now. For use before any other work."""

    async def hash(self, name: str, password: str) -> bytes:
        """A new hash of the password. Concurrent calls with the same name and password share it.

        Raises TooManySignIns.
        """

    async def matches(self, name: str, password: str, password_hash: bytes | None) -> bool:
        """Whether it is the password of the hash. Without a hash False, after the same time.

        Raises TooManySignIns.
        """


class DeviceTokens(Protocol):
    """Tokens by which a device is recognized that has signed in before. They do not sign anybody in."""

    def new(self, account_id: UUID) -> str:
        """A token for a device that has just signed in to the account."""

    def device(self, token: str, account_id: UUID) -> str | None:
        """The id of the token's device. None: it is not valid for this account."""


class SessionOpener(Protocol):
    """Opens sessions and signs their tokens."""

    def open(self, account_id: UUID, roles: Sequence[str], client: Client) -> Session:
        """A new session of an account with these roles. Its token is valid once the session is stored."""


class Revocations(Protocol):
    """The tokens that this replica rejects before they expire. Other replicas and services read the events."""

    def session_ended(self, session_id: UUID) -> None:
        """Rejects the session's token from now on."""

    def person_gone(self, account_id: UUID) -> None:
        """Rejects all of the user's tokens from now on."""


class KeyStore(Protocol):
    """The keys that sign tokens."""

    def read(self) -> Sequence[Key]:
        """All keys, oldest first. Raises BadKeys."""

    def add(self, now: datetime) -> str:
        """Creates a key. Returns its id. Raises OSError."""

    def remove(self, kid: str) -> None:
        """Deletes a key. Raises OSError."""

    def alone(self) -> AbstractContextManager[None]:
        """Excludes other changes of the keys within the block. Raises OSError."""
