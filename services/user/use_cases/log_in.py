"""Sign a user in."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.chassis.plain.errors import ResourceExhausted
from services.user.domain.accounts import Account, AccountStatus
from services.user.domain.facts import UserLoggedIn
from services.user.domain.limits import Limit, pause_after, sign_in_limits
from services.user.domain.people import address_key
from services.user.domain.sessions import Client, Session
from services.user.domain.sign_in import Credentials, may_sign_in
from services.user.ports import Passwords, SessionOpener, UserUnit, Work


class SignInRefused(Exception):
    """The address is unknown, or the password is wrong: the error is the same."""

    def __init__(self) -> None:
        super().__init__("wrong email address or password")


class AccountSuspended(Exception):
    """The account is suspended. Only a caller with the right password gets this error."""

    def __init__(self) -> None:
        super().__init__("the account is suspended; contact support if you think this is a mistake")


class TooManyFailures(ResourceExhausted):
    """Too many sign-ins failed lately, with this account or from this address."""

    default_message = "too many failed sign-ins; try again later"


@dataclass(frozen=True)
class LogIn:
    """Address, password, and client."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    client: Client


@dataclass(frozen=True)
class LogInHandler:
    """Opens a session for the right password. Every attempt costs the same, for right, wrong and unknown."""

    work: Work
    passwords: Passwords
    sessions: SessionOpener

    async def __call__(self, command: LogIn) -> tuple[Account, Session]:
        """The account and its new, stored session; publishes UserLoggedIn.

        Raises:
            SignInRefused: the address or the password is wrong.
            AccountSuspended: both are right, and the account is suspended.
            TooManySignIns: too many passwords wait to be compared.
            TooManyFailures: too many sign-ins failed lately; the password was not compared.
        """
        key = address_key(command.email)
        self.passwords.check_room(key)
        limits = sign_in_limits(key, command.client.ip_address)
        credentials = await self._read(key, limits)
        known_hash = credentials.password_hash if credentials else None
        matches = await self.passwords.matches(key, command.password, known_hash)
        if credentials is not None and matches and credentials.status is AccountStatus.SUSPENDED:
            raise AccountSuspended
        if credentials is None or not may_sign_in(credentials.status, matches):
            await self._count_failure(limits)
            raise SignInRefused
        async with self.work.begin("user.log_in") as unit:
            opened = await self._open(unit, credentials, command.client)
            await unit.sign_in_failures.forget(limits[0])  # the account's count; that of the client's address stays
            return opened

    async def _read(self, key: str, limits: list[Limit]) -> Credentials | None:
        async with self.work.read() as unit:
            refused_for = await unit.sign_in_failures.refused_for(limits)
            if refused_for is not None:
                raise TooManyFailures(retry_after=refused_for)
            return await unit.accounts.credentials_by_address(key)

    async def _count_failure(self, limits: list[Limit]) -> None:
        for limit in limits:
            async with self.work.begin("user.count_failure") as unit:
                failures = await unit.sign_in_failures.count(limit)
                await unit.sign_in_failures.refuse_for(limit, pause_after(failures, limit.free))

    async def _open(self, unit: UserUnit, credentials: Credentials, client: Client) -> tuple[Account, Session]:
        account = await unit.accounts.lock_unchanged(credentials)
        if account is None:
            raise SignInRefused
        session = self.sessions.open(account.id, account.roles, client)
        await unit.accounts.set_last_login(account.id)
        await unit.sessions.add(session)
        await unit.publish(UserLoggedIn(account.id, session.id, client.app))
        return account, session
