"""Reset the password of an account, for a caller with the token that was mailed to its owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from services.user.domain.accounts import AccountStatus
from services.user.domain.limits import STRANGER, Known, sign_in_limits
from services.user.domain.mail_requests import MailRequest, MailTokenNotGood, Purpose
from services.user.ports import Passwords, Revocations, UserUnit, Work
from services.user.use_cases.end_all_sessions import end_all_sessions
from services.user.use_cases.set_email_verified import set_email_verified


@dataclass(frozen=True)
class ResetPassword:
    """The token, and the new password."""

    token: str = field(repr=False)
    new_password: str = field(repr=False)
    client_address: IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class ResetPasswordHandler:
    """Resets passwords. Of concurrent calls with tokens of one request, one succeeds."""

    work: Work
    passwords: Passwords
    revocations: Revocations

    async def __call__(self, command: ResetPassword) -> None:
        """Stores the new password, ends all sessions (SessionRevoked for each), and marks the address as verified.

        Raises:
            MailTokenNotGood: the token is not valid; no password was hashed for it.
            TooManySignIns: too many passwords wait to be hashed.
        """
        async with self.work.read() as unit:
            request = await unit.mail_requests.find(command.token, Purpose.PASSWORD_RESET)
        if request is None:
            raise MailTokenNotGood
        new_hash = await self.passwords.hash(str(request.account_id), command.new_password)
        async with self.work.begin("user.reset_password") as unit:
            ended = await self._reset(unit, request, new_hash)
            await self._forget_failures(unit, request, command)
        for session_id in ended:
            self.revocations.session_ended(session_id)

    @staticmethod
    async def _reset(unit: UserUnit, request: MailRequest, new_hash: bytes) -> list[UUID]:
        status = await unit.accounts.lock_addressed(request.account_id, request.address_key)
        if status is not AccountStatus.ACTIVE or not await unit.mail_requests.settle(request.id):
            raise MailTokenNotGood
        await unit.accounts.set_password(request.account_id, new_hash)
        user = await unit.accounts.get(request.account_id)
        if user is not None:
            await set_email_verified(unit, user)
        await unit.mail_requests.void(request.account_id, Purpose.EMAIL_VERIFICATION)
        await unit.address_changes.withdraw(request.account_id)
        return await end_all_sessions(unit, request.account_id)

    @staticmethod
    async def _forget_failures(unit: UserUnit, request: MailRequest, command: ResetPassword) -> None:
        """Those of strangers, and those from the caller's address."""
        for known in (STRANGER, Known(client=True)):
            of_account, *_ = sign_in_limits(request.address_key, command.client_address, known)
            await unit.sign_in_failures.forget(of_account)
