"""The user service's ports in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from services.chassis.plain.ids import new_id
from services.user.domain.accounts import Account, AccountStatus, AccountSummary, EmailTaken, User
from services.user.domain.address_changes import AddressChange
from services.user.domain.limits import Limit
from services.user.domain.mail_requests import MailRequest, Purpose
from services.user.domain.people import Person
from services.user.domain.profiles import Profile
from services.user.domain.sessions import TOKEN_LIFE, Client, OpenSession, Session
from services.user.domain.sign_in import Credentials
from services.user.domain.signing_keys import BadKeys
from services.user.ports import Asked, TooManySignIns
from tests.unit.chassis.fakes import FakeUnit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class _Row:
    user: User
    password_hash: bytes
    roles: Sequence[str] = ()


class FakeAccounts:
    """ports.Accounts."""

    def __init__(self) -> None:
        self.rows: dict[UUID, _Row] = {}
        self.changed_meanwhile = False
        """Whether accounts change while a password is compared."""

    async def get(self, account_id: UUID) -> User | None:
        row = self.rows.get(account_id)
        return row.user if row else None

    async def with_address(self, address_key: str) -> AccountSummary | None:
        found = self._holder(address_key)
        return _summary(found) if found else None

    async def with_prefix(self, prefix_key: str, after: UUID | None, limit: int) -> list[AccountSummary]:
        users = [row.user for row in self.rows.values() if row.user.status is not AccountStatus.DELETED]
        last = self.rows[after].user.person.address_key if after else ""
        keys = {user.person.address_key: user for user in users}
        found = [keys[key] for key in sorted(keys) if key.startswith(prefix_key) and key > last]
        return [_summary(user) for user in found[:limit]]

    async def newest(self, before: UUID | None, limit: int) -> list[AccountSummary]:
        ids = [id_ for id_ in sorted(self.rows, reverse=True) if before is None or id_ < before]
        return [_summary(self.rows[id_].user) for id_ in ids[:limit]]

    async def credentials_by_address(self, address_key: str) -> Credentials | None:
        found = self._holder(address_key)
        return await self.credentials_by_id(found.id) if found else None

    async def credentials_by_id(self, account_id: UUID) -> Credentials | None:
        row = self.rows.get(account_id)
        return Credentials(account_id, row.password_hash, row.user.status) if row else None

    async def add(self, account_id: UUID, person: Person, password_hash: bytes) -> Account:
        if self._holder(person.address_key):
            raise EmailTaken
        user = User(account_id, person, False, AccountStatus.ACTIVE, NOW, NOW, None, Profile())
        self.rows[account_id] = _Row(user, password_hash)
        return Account(account_id, person, NOW)

    async def save(self, user: User) -> datetime:
        holder = self._holder(user.person.address_key)
        if holder and holder.id != user.id:
            raise EmailTaken
        updated_at = NOW + timedelta(seconds=1)
        self._update(user.id, person=user.person, email_verified=user.email_verified, profile=user.profile)
        self._update(user.id, pending_email=user.pending_email)
        self._update(user.id, updated_at=updated_at)
        return updated_at

    async def lock(self, account_id: UUID) -> AccountStatus | None:
        row = self.rows.get(account_id)
        return row.user.status if row else None

    async def lock_addressed(self, account_id: UUID, address_key: str) -> AccountStatus | None:
        row = self.rows.get(account_id)
        return row.user.status if row and row.user.person.address_key == address_key else None

    async def lock_unchanged(self, credentials: Credentials) -> Account | None:
        row = self.rows[credentials.account_id]
        if self.changed_meanwhile or await self.credentials_by_id(credentials.account_id) != credentials:
            return None
        return Account(row.user.id, row.user.person, row.user.created_at, row.roles)

    async def lock_staff(self, address_key: str) -> tuple[UUID, bool] | None:
        found = self._holder(address_key)
        return (found.id, "staff" in self.rows[found.id].roles) if found else None

    async def set_staff(self, account_id: UUID, staff: bool) -> None:
        self.rows[account_id].roles = ("staff",) if staff else ()

    async def set_email_verified(self, account_id: UUID) -> None:
        self._update(account_id, email_verified=True)

    async def set_password(self, account_id: UUID, password_hash: bytes) -> None:
        self.rows[account_id].password_hash = password_hash

    async def set_status(self, account_id: UUID, status: AccountStatus) -> None:
        self._update(account_id, status=status)

    async def set_last_login(self, account_id: UUID) -> None:
        self._update(account_id, last_login=NOW)

    def set_pending(self, account_id: UUID, email: str | None) -> None:
        self._update(account_id, pending_email=email)

    def _holder(self, address_key: str) -> User | None:
        for row in self.rows.values():
            if row.user.person.address_key == address_key and row.user.status is not AccountStatus.DELETED:
                return row.user
        return None

    def _update(self, account_id: UUID, **changes: object) -> None:
        row = self.rows[account_id]
        row.user = replace(row.user, **changes)  # type: ignore[arg-type]


def _summary(user: User) -> AccountSummary:
    return AccountSummary(user.id, user.person, user.email_verified, user.status, user.created_at)


class FakeSessions:
    """ports.Sessions."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Session] = {}
        self.ended: set[UUID] = set()

    async def add(self, session: Session) -> None:
        self.rows[session.id] = session

    async def belongs(self, account_id: UUID, session_id: UUID) -> bool:
        return session_id in self.rows and self.rows[session_id].account_id == account_id

    async def end(self, account_id: UUID, session_id: UUID) -> bool:
        if session_id not in self.open(account_id):
            return False
        self.ended.add(session_id)
        return True

    async def end_all(self, account_id: UUID, but: UUID | None = None) -> list[UUID]:
        ended = [session_id for session_id in self.open(account_id) if session_id != but]
        self.ended.update(ended)
        return ended

    async def page(self, account_id: UUID, before: UUID | None, limit: int) -> list[OpenSession]:
        ids = [id_ for id_ in sorted(self.open(account_id), reverse=True) if before is None or id_ < before]
        return [OpenSession(id_, self.rows[id_].client, NOW, self.rows[id_].expires_at) for id_ in ids][:limit]

    def open(self, account_id: UUID) -> list[UUID]:
        return [id_ for id_, row in self.rows.items() if row.account_id == account_id and id_ not in self.ended]


@dataclass
class _Request:
    request: MailRequest
    settled: bool = False
    too_old: bool = False


class FakeMailRequests:
    """ports.MailRequests."""

    def __init__(self) -> None:
        self.rows: dict[UUID, _Request] = {}
        self.tokens: dict[str, UUID] = {}

    async def open(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        await self.void(account_id, purpose)
        return await self.open_first(account_id, purpose, address_key)

    async def open_first(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        request = MailRequest(new_id(), account_id, purpose, address_key)
        self.rows[request.id] = _Request(request)
        return request.id

    async def void(self, account_id: UUID, *purposes: Purpose) -> None:
        for row in self.rows.values():
            row.settled |= row.request.account_id == account_id and row.request.purpose in purposes

    async def get(self, request_id: UUID) -> MailRequest | None:
        row = self.rows.get(request_id)
        return row.request if row else None

    async def is_open(self, request_id: UUID) -> bool:
        return not self.rows[request_id].settled and not self.rows[request_id].too_old

    async def mint(self, request: MailRequest) -> tuple[str, datetime]:
        token = f"token {len(self.tokens)}"
        self.tokens[token] = request.id
        return token, NOW + request.purpose.token_life

    async def find(self, token: str, purpose: Purpose) -> MailRequest | None:
        row = self.rows.get(self.tokens[token]) if token in self.tokens else None
        return row.request if row and row.request.purpose is purpose and not row.settled else None

    async def settle(self, request_id: UUID) -> bool:
        row = self.rows[request_id]
        was, row.settled = row.settled, True
        return not was


class FakeAddressChanges:
    """ports.AddressChanges, oldest first."""

    def __init__(self, requests: FakeMailRequests, accounts: FakeAccounts) -> None:
        self.rows: list[AddressChange] = []
        self.done: list[UUID] = []
        self._requests, self._accounts = requests, accounts

    async def open(self, change: AddressChange) -> None:
        await self.withdraw(change.account_id)
        self.rows.append(change)
        self._accounts.set_pending(change.account_id, change.new_email)
        self.waits = change

    waits: AddressChange | None = None

    async def pending(self, account_id: UUID) -> AddressChange | None:
        return self.waits if self.waits and self.waits.account_id == account_id else None

    async def of_undo(self, undo_id: UUID) -> AddressChange | None:
        return next((row for row in self.rows if row.undo_id == undo_id), None)

    async def complete(self, undo_id: UUID) -> None:
        self.done.append(undo_id)
        self.waits = None

    async def withdraw(self, account_id: UUID) -> None:
        self._accounts.set_pending(account_id, None)
        self.waits = None

    async def undo(self, change: AddressChange) -> None:
        later = self.rows[self.rows.index(change) :]
        for each in later:
            self._requests.rows[each.undo_id].settled = True
            self.done = [undo_id for undo_id in self.done if undo_id != each.undo_id]
        await self.withdraw(change.account_id)

    async def is_left(self, address_key: str, by_others_than: UUID) -> bool:
        left = [row for row in self.rows if row.undo_id in self.done and row.account_id != by_others_than]
        return address_key in {row.old_email.lower() for row in left}


class FakeSignInFailures:
    """ports.SignInFailures. Pauses do not end."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.pauses: dict[str, timedelta] = {}

    async def refused_for(self, limits: Sequence[Limit]) -> timedelta | None:
        return max((self.pauses[limit.name] for limit in limits if self.pauses.get(limit.name)), default=None)

    async def count(self, limits: Sequence[Limit]) -> list[int]:
        self.counts |= {limit.name: self.counts.get(limit.name, 0) + 1 for limit in limits}
        return [self.counts[limit.name] for limit in limits]

    async def take_back(self, limits: Sequence[Limit]) -> None:
        for limit in limits:
            self.counts[limit.name] -= 1
            self.counts = {name: count for name, count in self.counts.items() if count}
            self.pauses.pop(limit.name, None)

    async def refuse_for(self, limit: Limit, pause: timedelta) -> None:
        self.pauses[limit.name] = pause

    async def forget(self, limit: Limit) -> None:
        self.counts.pop(limit.name, None)
        self.pauses.pop(limit.name, None)


class FakeKnownClients:
    """ports.KnownClients."""

    def __init__(self) -> None:
        self.known: set[tuple[UUID, str]] = set()

    async def knows(self, account_id: UUID, address: IPv4Address | IPv6Address) -> bool:
        return (account_id, str(address)) in self.known

    async def remember(self, account_id: UUID, address: IPv4Address | IPv6Address) -> None:
        self.known.add((account_id, str(address)))


class FakeDeviceTokens:
    """ports.DeviceTokens: a token is the account and a name."""

    def new(self, account_id: UUID) -> str:
        return f"{account_id} phone"

    def device(self, token: str, account_id: UUID) -> str | None:
        owner, _, device = token.partition(" ")
        return device if owner == str(account_id) else None


class FakeMailAsks:
    """ports.MailAsks. The window does not end."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    async def count(self, limits: Sequence[Limit]) -> list[Asked]:
        for limit in limits:
            self.counts[limit.name] = self.counts.get(limit.name, 0) + 1
        return [Asked(self.counts[limit.name], timedelta(minutes=30)) for limit in limits]


class FakeResetWishes:
    """ports.ResetWishes."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def add(self, address_key: str) -> None:
        self.addresses.append(address_key)

    async def take(self) -> str | None:
        return self.addresses.pop(0) if self.addresses else None


class FakeUser(FakeUnit):
    """ports.UserUnit."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = FakeAccounts()
        self.sessions = FakeSessions()
        self.mail_requests = FakeMailRequests()
        self.address_changes = FakeAddressChanges(self.mail_requests, self.accounts)
        self.mail_asks = FakeMailAsks()
        self.sign_in_failures = FakeSignInFailures()
        self.known_clients = FakeKnownClients()
        self.reset_wishes = FakeResetWishes()


class FakePasswords:
    """ports.Passwords: a hash is the password and a number, so that two hashes of one password differ."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        """The name of each call."""
        self.full = False
        """Whether no further password can be hashed."""

    def check_room(self, name: str) -> None:
        if self.full:
            raise TooManySignIns

    async def hash(self, name: str, password: str) -> bytes:
        self.calls.append(name)
        return f"{len(self.calls)} {password}".encode()

    async def matches(self, name: str, password: str, password_hash: bytes | None) -> bool:
        if self.full:
            raise TooManySignIns
        self.calls.append(name)
        await asyncio.sleep(0)  # concurrent guesses wait here
        return password_hash is not None and password_hash.partition(b" ")[2] == password.encode()


class FakeSessionOpener:
    """ports.SessionOpener: a token has the roles in it."""

    def open(self, account_id: UUID, roles: Sequence[str], client: Client) -> Session:
        session_id = new_id()
        return Session(session_id, account_id, client, NOW + TOKEN_LIFE, f"{session_id} {','.join(roles)}")


@dataclass
class FakeRevocations:
    """ports.Revocations."""

    sessions: list[UUID] = field(default_factory=list)
    people: list[UUID] = field(default_factory=list)

    def session_ended(self, session_id: UUID) -> None:
        self.sessions.append(session_id)

    def person_gone(self, account_id: UUID) -> None:
        self.people.append(account_id)


@dataclass(frozen=True)
class FakeKey:
    """domain.signing_keys.Key."""

    kid: str
    created_at: datetime


class FakeKeyStore:
    """ports.KeyStore."""

    def __init__(self, *ages: timedelta) -> None:
        """Keys of these ages at NOW."""
        self.keys = [FakeKey(f"key {number}", NOW - age) for number, age in enumerate(ages)]

    def read(self) -> Sequence[FakeKey]:
        if not self.keys:
            raise BadKeys("no key")
        return sorted(self.keys, key=lambda key: key.created_at)

    def add(self, now: datetime) -> str:
        self.keys.append(FakeKey(f"key {len(self.keys)}", now))
        return self.keys[-1].kid

    def remove(self, kid: str) -> None:
        self.keys = [key for key in self.keys if key.kid != kid]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        yield
