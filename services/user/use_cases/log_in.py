"""Sign a person in."""

from __future__ import annotations

from dataclasses import dataclass, field

from argosy.event.v1.user_events_pb2 import UserLogin
from services.chassis import outbox
from services.chassis.postgres import Connection, Postgres
from services.user import store
from services.user.domain import Account, AccountStatus, Credentials, address_key, may_sign_in
from services.user.failures import SignInFailures
from services.user.passwords import Passwords
from services.user.sessions import Client, Session, SessionOpener


class SignInRefused(Exception):
    """Unknown address, or wrong password: the two are told alike."""

    def __init__(self) -> None:
        super().__init__("the mail address or the password is wrong")


class AccountSuspended(Exception):
    """The account is suspended. Told to nobody but who knows its password."""

    def __init__(self) -> None:
        super().__init__("the account is suspended; write to us if that is a mistake")


@dataclass(frozen=True)
class LogIn:
    """Who says to be whom, and from where."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    client: Client


@dataclass(frozen=True)
class LogInHandler:
    """Opens a session for whoever knows the password. What a guess costs does not depend on whether it was near."""

    postgres: Postgres
    passwords: Passwords
    sessions: SessionOpener
    failures: SignInFailures

    async def __call__(self, command: LogIn) -> tuple[Account, Session]:
        """The account and its new session, stored; USER_LOGIN is published.

        Raises:
            SignInRefused: the address or the password is wrong.
            AccountSuspended: both are right.
            TooManySignIns: too many passwords wait to be compared.
            TooManyFailures: too many sign-ins failed lately; the password does not matter now.
        """
        key = address_key(command.email)
        async with self.postgres.connection() as connection:
            await self.failures.check(connection, key, command.client)
            credentials = await store.credentials_by_address(connection, key)
        known_hash = credentials.password_hash if credentials else None
        matches = await self.passwords.matches(key, command.password, known_hash)
        if credentials is not None and matches and credentials.status is AccountStatus.SUSPENDED:
            raise AccountSuspended
        if credentials is None or not may_sign_in(credentials.status, matches):
            await self.failures.count(key, command.client)
            raise SignInRefused
        async with self.postgres.transaction("user.log_in") as connection:
            opened = await self._open(connection, credentials, command.client)
            await self.failures.forget(connection, key)
            return opened

    async def _open(self, connection: Connection, credentials: Credentials, client: Client) -> tuple[Account, Session]:
        account = await store.still_good(connection, credentials)
        if account is None:
            raise SignInRefused
        session = self.sessions.open(account.id, account.roles, client)
        await store.set_last_login(connection, account.id)
        await store.add_session(connection, session)
        event = UserLogin(user_id=str(account.id), session_id=str(session.id), client_app=client.app)
        await outbox.publish(connection, event, key=str(account.id), subject=str(account.id))
        return account, session
