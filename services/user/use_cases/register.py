"""Make an account and sign its owner in."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from argosy.event.v1.user_events_pb2 import UserCreated
from argosy.user.v1.user_pb2 import UserSummary
from services.chassis import outbox
from services.chassis.idempotency import once
from services.chassis.ids import new_id, parse_id
from services.chassis.postgres import Connection, Postgres
from services.user import mail_requests, messages, store
from services.user.domain import EmailTaken, Person, Purpose, may_sign_in, new_person
from services.user.passwords import Passwords
from services.user.sessions import Client, Session, SessionOpener


@dataclass(frozen=True)
class Register:
    """Who wants an account, and from where."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    client: Client
    idempotency_key: str | None
    fingerprint: bytes
    """What tells this request from another under the same key; the password is not in it."""


@dataclass(frozen=True)
class RegisterHandler:
    """Makes accounts, one an address."""

    postgres: Postgres
    passwords: Passwords
    sessions: SessionOpener

    async def __call__(self, command: Register) -> tuple[UserSummary, Session]:
        """The new account and its first session, stored; USER_CREATED is published.

        A repeat with the same key answers with the same account and a new session, if it knows the password.

        Raises:
            InvalidPerson: a name is none.
            EmailTaken: the address has an account; also on a repeat with another password, so that it learns no more.
            IdempotencyMismatch: the key was used for this address with other content.
            TooManySignIns: too many passwords wait to be hashed.
        """
        person = new_person(command.email, command.first_name, command.last_name)
        password_hash = await self._hash_for(person, command.password)
        session = self.sessions.open(new_id(), (), command.client)

        async def create(connection: Connection) -> UserSummary:
            if password_hash is None:
                raise EmailTaken
            return await self._create(connection, person, password_hash, session)

        scope = f"register:{person.address_key}"
        outcome = await once(
            self.postgres, scope, command.idempotency_key, command.fingerprint, create, UserSummary, "user.register"
        )
        if outcome.replayed:
            session = await self._sign_in_again(parse_id(outcome.message.id), person, command, password_hash)
        return outcome.message, session

    async def _hash_for(self, person: Person, password: str) -> bytes | None:
        """The password's hash, made before any transaction is open; None for an address that has an account already."""
        async with self.postgres.connection() as connection:
            if await store.address_taken(connection, person.address_key):
                return None
        return await self.passwords.hash(person.address_key, password)

    async def _create(
        self, connection: Connection, person: Person, password_hash: bytes, session: Session
    ) -> UserSummary:
        account = await store.add_account(connection, session.account_id, person, password_hash)
        await store.add_session(connection, session)
        verification_id = await mail_requests.first_request(
            connection, account.id, Purpose.EMAIL_VERIFICATION, person.address_key
        )
        event = UserCreated(
            user_id=str(account.id),
            email=person.email,
            name=person.full_name,
            verification_id=str(verification_id),
        )
        await outbox.publish(connection, event, key=str(account.id), subject=str(account.id))
        return messages.summary(account)

    async def _sign_in_again(
        self, account_id: UUID, person: Person, command: Register, password_hash: bytes | None
    ) -> Session:
        """A new session of the account that the first call made."""
        async with self.postgres.connection() as connection:
            credentials = await store.credentials_by_id(connection, account_id)
        if credentials is None:
            raise EmailTaken
        # Repeats that came in together share one hash (see Passwords): it needs no second one to compare with itself.
        matches = credentials.password_hash == password_hash or await self.passwords.matches(
            person.address_key, command.password, credentials.password_hash
        )
        if not may_sign_in(credentials.status, matches):
            raise EmailTaken
        async with self.postgres.transaction("user.sign_in_again") as connection:
            account = await store.still_good(connection, credentials)
            if account is None:
                raise EmailTaken
            session = self.sessions.open(account.id, account.roles, command.client)
            await store.add_session(connection, session)
            return session
