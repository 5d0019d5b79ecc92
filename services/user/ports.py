"""What the use cases need of the world, in the words of the domain. `adapters/` implements each port."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.chassis import unit_of_work
from services.chassis.errors import ResourceExhausted
from services.user.domain.accounts import Account, AccountStatus, User
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
        """The account with its profile, also a deleted one."""

    async def credentials_by_address(self, address_key: str) -> Credentials | None:
        """The credentials of the account with this address. None: no account that is not deleted has it."""

    async def credentials_by_id(self, account_id: UUID) -> Credentials | None:
        """The credentials of an account, also of a deleted one."""

    async def add(self, account_id: UUID, person: Person, password_hash: bytes) -> Account:
        """Makes an account with an empty profile.

        Raises EmailTaken: another account has the address. The unit of work must then be rolled back.
        """

    async def save(self, user: User) -> datetime:
        """Stores an account and its profile as they are now; answers when that was.

        Raises EmailTaken: another account has the address. The unit of work must then be rolled back.
        """

    async def lock(self, account_id: UUID) -> AccountStatus | None:
        """The account's status, locked until the unit of work ends. None: there is no such account."""

    async def lock_addressed(self, account_id: UUID, address_key: str) -> AccountStatus | None:
        """The same for an account that has this address. None: also when it has another address now."""

    async def lock_unchanged(self, credentials: Credentials) -> Account | None:
        """The account, locked until the unit of work ends. None: its status or its password has changed."""

    async def lock_staff(self, address_key: str) -> tuple[UUID, bool] | None:
        """The account with this address, locked, and whether it is staff's. None: no account has the address."""

    async def set_staff(self, account_id: UUID, staff: bool) -> None:
        """Gives the account the role of staff, or takes it away."""

    async def set_email_verified(self, account_id: UUID) -> None:
        """Records that the account's address belongs to its owner."""

    async def set_password(self, account_id: UUID, password_hash: bytes) -> None:
        """Gives the account another password."""

    async def set_status(self, account_id: UUID, status: AccountStatus) -> None:
        """Writes the account's status."""

    async def set_last_login(self, account_id: UUID) -> None:
        """Records that the person signed in now."""


class Sessions(Protocol):
    """Stored sessions. An open session has neither ended nor expired."""

    async def add(self, session: Session) -> None:
        """Stores a session; it is good from the commit on."""

    async def belongs(self, account_id: UUID, session_id: UUID) -> bool:
        """Whether the session is, or was, this account's."""

    async def end(self, account_id: UUID, session_id: UUID) -> bool:
        """Ends a session of the account. False: it was not open."""

    async def end_all(self, account_id: UUID, but: UUID | None = None) -> list[UUID]:
        """Ends all open sessions of an account, except `but`; answers which."""

    async def page(self, account_id: UUID, before: UUID | None, limit: int) -> list[OpenSession]:
        """Up to `limit` open sessions of an account that are older than `before`, newest first."""


class MailRequests(Protocol):
    """Requests for mails with tokens. The account is locked by the unit of work."""

    async def open(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        """Makes a request; earlier ones of the account for this purpose are void."""

    async def open_first(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        """The same for an account without a request for this purpose."""

    async def void(self, account_id: UUID, *purposes: Purpose) -> None:
        """Makes the account's tokens for these purposes useless, also those that are not mailed yet."""

    async def account_of(self, request_id: UUID) -> UUID | None:
        """The account of a request. None: there is no such request."""

    async def address_of_open(self, request_id: UUID) -> str | None:
        """The address of a request. None: it is settled, or too old for a mail."""

    async def mint(self, request_id: UUID) -> tuple[str, datetime]:
        """Makes a token of the request, of which only the hash is stored; answers it, and when it expires."""

    async def find(self, token: str, purpose: Purpose) -> MailRequest | None:
        """The request of a token. None: the token is not good, or is for another purpose."""

    async def settle(self, request_id: UUID) -> bool:
        """Uses the request. False: it is used or void already."""


class SignInFailures(Protocol):
    """Counts of failed sign-ins, shared by all replicas."""

    async def refused_for(self, limits: Sequence[Limit]) -> timedelta | None:
        """How long sign-ins are still refused for any of these. None: a sign-in may be tried."""

    async def count(self, limit: Limit) -> int:
        """Adds one failure; answers how many there are now."""

    async def refuse_for(self, limit: Limit, pause: timedelta) -> None:
        """Refuses sign-ins for this long from now on, or until a later instant that is already stored."""

    async def forget(self, limit: Limit) -> None:
        """Deletes a count."""


@dataclass(frozen=True)
class Asked:
    """How many mails were requested, the latest one included."""

    times: int
    ends_in: timedelta
    """When the window ends, from now on."""


class MailAsks(Protocol):
    """Counts of requested mails, shared by all replicas."""

    async def count(self, limits: Sequence[Limit]) -> list[Asked]:
        """Adds one request to each; answers the counts in the same order."""


class ResetWishes(Protocol):
    """Addresses for which a password reset was requested, until they are handled."""

    async def add(self, address_key: str) -> None:
        """Stores an address."""

    async def take(self) -> str | None:
        """The oldest address that no other unit of work handles; it is deleted with the commit. None: there is none."""


class UserUnit(unit_of_work.UnitOfWork[Fact], Protocol):
    """One transaction on accounts, sessions and what is counted and mailed about them."""

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
    def mail_asks(self) -> MailAsks:
        """Counts of requested mails."""

    @property
    def sign_in_failures(self) -> SignInFailures:
        """Counts of failed sign-ins."""

    @property
    def reset_wishes(self) -> ResetWishes:
        """Addresses for which a password reset was requested."""


Work = unit_of_work.UnitsOfWork[UserUnit]
"""Opens units of work."""


class TooManySignIns(ResourceExhausted):
    """Too many passwords wait to be hashed, or this one has waited too long."""

    default_message = "too many sign-ins at the moment; try again later"
    default_retry_after = timedelta(seconds=2)
    """About the time in which a full queue of the default length is worked off."""


class Passwords(Protocol):
    """Hashes passwords and compares them with hashes. Calls are expensive on purpose."""

    async def hash(self, name: str, password: str) -> bytes:
        """A new hash of the password. Concurrent calls with the same name and password share one.

        Raises TooManySignIns.
        """

    async def matches(self, name: str, password: str, password_hash: bytes | None) -> bool:
        """Whether it is the password of the hash. Without a hash the answer is no, and takes as long.

        Raises TooManySignIns.
        """


class SessionOpener(Protocol):
    """Opens sessions: signs their tokens."""

    def open(self, account_id: UUID, roles: Sequence[str], client: Client) -> Session:
        """A new session of an account with these roles. It counts when it is stored."""


class Revocations(Protocol):
    """The tokens that this replica refuses before they expire. Other replicas and services follow the events."""

    def session_ended(self, session_id: UUID) -> None:
        """Refuses the session's token from now on."""

    def person_gone(self, account_id: UUID) -> None:
        """Refuses all of the person's tokens from now on."""


class KeyStore(Protocol):
    """The keys that sign tokens."""

    def read(self) -> Sequence[Key]:
        """All keys, oldest first. Raises BadKeys."""

    def add(self, now: datetime) -> str:
        """Makes a key; answers its id. Raises OSError."""

    def remove(self, kid: str) -> None:
        """Deletes a key. Raises OSError."""

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else changes the keys within the block. Raises OSError."""
