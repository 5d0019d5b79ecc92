"""Sign a user in."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.user.domain.accounts import Account, AccountStatus
from services.user.domain.facts import UserLoggedIn
from services.user.domain.limits import STRANGER, Known, Limit, sign_in_limits
from services.user.domain.people import address_key
from services.user.domain.sessions import Client, Session
from services.user.domain.sign_in import Credentials, may_sign_in
from services.user.ports import DeviceTokens, SessionOpener, UserUnit, Work
from services.user.use_cases.add_session import add_session
from services.user.use_cases.guesses import Guesses, refuse_paused


class SignInRefused(Exception):
    """The address is unknown, or the password is wrong: the error is the same."""

    def __init__(self) -> None:
        super().__init__("wrong email address or password")


class AccountSuspended(Exception):
    """The account is suspended. Only a caller with the right password gets this error."""

    def __init__(self) -> None:
        super().__init__("the account is suspended; contact support if you think this is a mistake")


@dataclass(frozen=True)
class LogIn:
    """Address, password, and client."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    client: Client
    device_token: str = field(default="", repr=False)
    """The token of a device that has signed in before; empty or not valid: another one."""


@dataclass(frozen=True)
class LogInHandler:
    """Opens a session for the right password. Every attempt costs the same, for right, wrong and unknown."""

    work: Work
    guesses: Guesses
    sessions: SessionOpener
    devices: DeviceTokens

    async def __call__(self, command: LogIn) -> tuple[Account, Session]:
        """The account and its new, stored session; publishes UserLoggedIn.

        Raises:
            SignInRefused: the address or the password is wrong.
            AccountSuspended: both are right, and the account is suspended.
            TooManySignIns: too many passwords wait to be compared.
            TooManyFailures: too many sign-ins failed lately; the password was not compared.
        """
        key = address_key(command.email)
        self.guesses.check_room(key)
        credentials, limits = await self._read(key, command)
        known_hash = credentials.password_hash if credentials else None
        matches = await self.guesses.match(key, command.password, known_hash, limits)
        if credentials is not None and matches and credentials.status is AccountStatus.SUSPENDED:
            raise AccountSuspended
        if credentials is None or not may_sign_in(credentials.status, matches):
            raise SignInRefused
        async with self.work.begin("user.log_in") as unit:
            opened = await self._open(unit, credentials, command.client)
            await unit.sign_in_failures.forget(limits[0])  # the account's count; that of the client's address stays
            return opened

    async def _read(self, key: str, command: LogIn) -> tuple[Credentials | None, list[Limit]]:
        async with self.work.read() as unit:
            credentials = await unit.accounts.credentials_by_address(key)
            known = await self._known(unit, credentials, command) if credentials else STRANGER
            limits = sign_in_limits(key, command.client.ip_address, known)
            await refuse_paused(unit, limits)  # cheaper than counting it; counting decides
            return credentials, limits

    async def _known(self, unit: UserUnit, credentials: Credentials, command: LogIn) -> Known:
        account_id, address = credentials.account_id, command.client.ip_address
        device = self.devices.device(command.device_token, account_id)
        return Known(device, address is not None and await unit.known_clients.knows(account_id, address))

    async def _open(self, unit: UserUnit, credentials: Credentials, client: Client) -> tuple[Account, Session]:
        account = await unit.accounts.lock_unchanged(credentials)
        if account is None:
            raise SignInRefused
        session = self.sessions.open(account.id, account.roles, client)
        await unit.accounts.set_last_login(account.id)
        await add_session(unit, session)
        await unit.publish(UserLoggedIn(account.id, session.id, client.app))
        return account, session
