"""Verify an address, for a caller with the token that was mailed to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.user.domain.accounts import AccountStatus
from services.user.domain.mail_requests import MailTokenNotGood, Purpose
from services.user.ports import Work


@dataclass(frozen=True)
class VerifyEmail:
    """The token."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class VerifyEmailHandler:
    """Verifies addresses."""

    work: Work

    async def __call__(self, command: VerifyEmail) -> None:
        """Marks the account's address as verified.

        Raises:
            MailTokenNotGood: the token is not valid, or the account has another address now.
        """
        async with self.work.begin("user.verify_email") as unit:
            request = await unit.mail_requests.find(command.token, Purpose.EMAIL_VERIFICATION)
            if request is None:
                raise MailTokenNotGood
            status = await unit.accounts.lock_addressed(request.account_id, request.address_key)
            gone = status is None or status is AccountStatus.DELETED
            if gone or not await unit.mail_requests.settle(request.id):
                raise MailTokenNotGood
            await unit.accounts.set_email_verified(request.account_id)
