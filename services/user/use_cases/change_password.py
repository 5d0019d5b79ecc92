"""Change the password of an account. All other sessions end."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.user.domain.limits import session_limits
from services.user.domain.sign_in import Credentials, may_sign_in
from services.user.ports import Passwords, Revocations, UserUnit, Work
from services.user.use_cases.end_all_sessions import end_all_sessions
from services.user.use_cases.guesses import Guesses


class WrongPassword(Exception):
    """The password in the request is not the present one."""

    def __init__(self, field: str = "oldPassword") -> None:
        super().__init__(f"{field}: wrong password")
        self.violations = [(field, "must be the present password")]


@dataclass(frozen=True)
class ChangePassword:
    """The account, the old and the new password, and the caller's session."""

    account_id: UUID
    session_id: UUID
    old_password: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True)
class ChangePasswordHandler:
    """Changes the password if the old one is right."""

    work: Work
    passwords: Passwords
    guesses: Guesses
    revocations: Revocations

    async def __call__(self, command: ChangePassword) -> None:
        """Stores the new password and ends all sessions but the caller's (SessionRevoked for each).

        Raises:
            WrongPassword: also when it was changed meanwhile, or the account may not sign in any more.
            TooManyFailures: too many old passwords were wrong lately; this one was not compared.
            TooManySignIns: too many passwords wait to be hashed.
        """
        async with self.work.read() as unit:
            credentials = await unit.accounts.credentials_by_id(command.account_id)
        if credentials is None:
            raise WrongPassword
        key, limits = str(command.account_id), session_limits(command.session_id)
        matches = await self.guesses.match(key, command.old_password, credentials.password_hash, limits)
        if not may_sign_in(credentials.status, matches):
            raise WrongPassword
        new_hash = await self.passwords.hash(key, command.new_password)
        async with self.work.begin("user.change_password") as unit:
            ended = await self._change(unit, credentials, new_hash, command.session_id)
        for session_id in ended:
            self.revocations.session_ended(session_id)

    @staticmethod
    async def _change(unit: UserUnit, credentials: Credentials, new_hash: bytes, session_id: UUID) -> list[UUID]:
        account = await unit.accounts.lock_unchanged(credentials)
        if account is None:
            raise WrongPassword
        await unit.accounts.set_password(account.id, new_hash)
        await unit.address_changes.withdraw(account.id)  # whoever requested it knew the old password
        return await end_all_sessions(unit, account.id, but=session_id)
