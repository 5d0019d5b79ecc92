"""Give an account another password. Whoever is signed in with the old one elsewhere is signed out."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.postgres import Connection, Postgres
from services.chassis.revocations import Revocations
from services.user import store
from services.user.domain import Credentials, may_sign_in
from services.user.passwords import Passwords
from services.user.use_cases.end_session import end_all_sessions


class WrongPassword(Exception):
    """The password that was given as the present one is not it."""

    def __init__(self) -> None:
        super().__init__("the old password is wrong")
        self.violations = [("oldPassword", "must be the present password")]


@dataclass(frozen=True)
class ChangePassword:
    """Whose password becomes what, and the session that asks for it."""

    account_id: UUID
    session_id: UUID
    old_password: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True)
class ChangePasswordHandler:
    """Changes passwords for whoever knows the present one."""

    postgres: Postgres
    passwords: Passwords
    revocations: Revocations

    async def __call__(self, command: ChangePassword) -> None:
        """The new password counts, and all sessions but the one that asks have ended (SESSION_REVOKED for each).

        Raises:
            WrongPassword: also when it was changed meanwhile, or the account may not sign in any more.
            TooManySignIns: too many passwords wait to be hashed.
        """
        async with self.postgres.connection() as connection:
            credentials = await store.credentials_by_id(connection, command.account_id)
        if credentials is None:
            raise WrongPassword
        key = str(command.account_id)
        matches = await self.passwords.matches(key, command.old_password, credentials.password_hash)
        if not may_sign_in(credentials.status, matches):
            raise WrongPassword
        new_hash = await self.passwords.hash(key, command.new_password)
        async with self.postgres.transaction("user.change_password") as connection:
            ended = await self._change(connection, credentials, new_hash, command.session_id)
        for session_id in ended:
            self.revocations.session_ended(str(session_id))

    @staticmethod
    async def _change(
        connection: Connection, credentials: Credentials, new_hash: bytes, session_id: UUID
    ) -> list[UUID]:
        account = await store.still_good(connection, credentials)
        if account is None:
            raise WrongPassword
        await store.set_password(connection, account.id, new_hash)
        return await end_all_sessions(connection, account.id, but=session_id)
