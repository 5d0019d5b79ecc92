"""Give an account another password, for whoever has the token that was mailed to its owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.postgres import Connection, Postgres
from services.chassis.revocations import Revocations
from services.user import mail_requests, store
from services.user.domain import AccountStatus, MailTokenNotGood, Purpose
from services.user.failures import SignInFailures
from services.user.mail_requests import MailRequest
from services.user.passwords import Passwords
from services.user.use_cases.end_session import end_all_sessions


@dataclass(frozen=True)
class ResetPassword:
    """The token, and what the password becomes."""

    token: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True)
class ResetPasswordHandler:
    """Resets passwords. Of several who use tokens of one request at once, one wins."""

    postgres: Postgres
    passwords: Passwords
    failures: SignInFailures
    revocations: Revocations

    async def __call__(self, command: ResetPassword) -> None:
        """The new password counts, all sessions have ended (SESSION_REVOKED for each), the address is verified.

        Raises:
            MailTokenNotGood: it is no token, or not good any more; a password is not even hashed for it.
            TooManySignIns: too many passwords wait to be hashed.
        """
        async with self.postgres.connection() as connection:
            request = await mail_requests.find(connection, command.token, Purpose.PASSWORD_RESET)
        if request is None:
            raise MailTokenNotGood
        new_hash = await self.passwords.hash(str(request.account_id), command.new_password)
        async with self.postgres.transaction("user.reset_password") as connection:
            ended = await self._reset(connection, request, new_hash)
        for session_id in ended:
            self.revocations.session_ended(str(session_id))

    async def _reset(self, connection: Connection, request: MailRequest, new_hash: bytes) -> list[UUID]:
        account = await store.lock_addressed(connection, request.account_id, request.address_key)
        if account is not AccountStatus.ACTIVE or not await mail_requests.settle(connection, request.id):
            raise MailTokenNotGood
        await store.set_password(connection, request.account_id, new_hash)
        await store.set_email_verified(connection, request.account_id)
        await mail_requests.void(connection, request.account_id, Purpose.EMAIL_VERIFICATION)
        await self.failures.forget(connection, request.address_key)
        return await end_all_sessions(connection, request.account_id)
