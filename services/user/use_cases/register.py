"""Create an account and sign its owner in."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.plain.ids import new_id
from services.chassis.plain.unit_of_work import Repeatable
from services.user.domain.accounts import Account, AccountStatus, EmailTaken
from services.user.domain.facts import UserCreated
from services.user.domain.mail_requests import Purpose
from services.user.domain.people import Person, new_person
from services.user.domain.sessions import Client, Session
from services.user.domain.sign_in import may_sign_in
from services.user.ports import Passwords, SessionOpener, UserUnit, Work
from services.user.use_cases.add_session import add_session


@dataclass(frozen=True)
class Register:
    """The data of the account, and the client."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    client: Client
    request: Repeatable
    """The idempotency key. The password is not in its fingerprint."""


@dataclass(frozen=True)
class RegisterHandler:
    """Creates accounts, one per address."""

    work: Work
    passwords: Passwords
    sessions: SessionOpener

    async def __call__(self, command: Register) -> tuple[Account, Session]:
        """The new account and its first, stored session; publishes UserCreated.

        A repeat with the same key and the right password gets the same account and a new session.

        Raises:
            InvalidPerson: a name is not valid.
            EmailTaken: an account has the address; also on a repeat with another password: the answer is the same.
            IdempotencyMismatch, IdempotencyInFlight: see UnitsOfWork.once; the key belongs to the address.
            TooManySignIns: too many passwords wait to be hashed.
        """
        person = new_person(command.email, command.first_name, command.last_name)
        self.passwords.check_room(person.address_key)
        password_hash = await self._hash_for(person, command.password)
        session = self.sessions.open(new_id(), (), command.client)

        async def create(unit: UserUnit) -> Account:
            if password_hash is None:
                raise EmailTaken
            return await self._create(unit, person, password_hash, session)

        scope = f"register:{person.address_key}"
        while True:
            answered = await self.work.once("user.register", scope, command.request, create, Account)
            if not answered.replayed or not await self._is_deleted(answered.value.id):
                break
            # The key is free again with the address: the next account has a scope of its own.
            scope = f"register:{person.address_key}:{answered.value.id}"
        account = answered.value
        if answered.replayed:
            session = await self._sign_in_again(account.id, person, command, password_hash)
        return account, session

    async def _is_deleted(self, account_id: UUID) -> bool:
        async with self.work.read() as unit:
            credentials = await unit.accounts.credentials_by_id(account_id)
        return credentials is not None and credentials.status is AccountStatus.DELETED

    async def _hash_for(self, person: Person, password: str) -> bytes | None:
        """The password's hash, computed outside any transaction. None: an account has the address."""
        async with self.work.read() as unit:
            if await unit.accounts.credentials_by_address(person.address_key) is not None:
                return None
        return await self.passwords.hash(person.address_key, password)

    async def _create(self, unit: UserUnit, person: Person, password_hash: bytes, session: Session) -> Account:
        account = await unit.accounts.add(session.account_id, person, password_hash)
        # Checked after the insert: it waits for a concurrent change by which an account leaves the address.
        if await unit.address_changes.is_left(person.address_key, by_others_than=account.id):
            raise EmailTaken
        await add_session(unit, session)
        verification_id = await unit.mail_requests.open_first(
            account.id, Purpose.EMAIL_VERIFICATION, person.address_key
        )
        await unit.publish(UserCreated(account.id, person, verification_id))
        return account

    async def _sign_in_again(
        self, account_id: UUID, person: Person, command: Register, password_hash: bytes | None
    ) -> Session:
        """A new session of the account that the first call created."""
        async with self.work.read() as unit:
            credentials = await unit.accounts.credentials_by_id(account_id)
        if credentials is None:
            raise EmailTaken
        # Concurrent repeats share one hash (see ports.Passwords): no second one is needed for the comparison.
        matches = credentials.password_hash == password_hash or await self.passwords.matches(
            person.address_key, command.password, credentials.password_hash
        )
        if not may_sign_in(credentials.status, matches):
            raise EmailTaken
        async with self.work.begin("user.sign_in_again") as unit:
            account = await unit.accounts.lock_unchanged(credentials)
            if account is None:
                raise EmailTaken
            session = self.sessions.open(account.id, account.roles, command.client)
            await add_session(unit, session)
            return session
