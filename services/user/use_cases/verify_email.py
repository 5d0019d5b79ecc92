"""Mark an address as its owner's, for whoever has the token that was mailed to it."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.postgres import Postgres
from services.user import mail_requests, store
from services.user.domain import AccountStatus, MailTokenNotGood, Purpose


@dataclass(frozen=True)
class VerifyEmailHandler:
    """Verifies addresses."""

    postgres: Postgres

    async def __call__(self, token: str) -> None:
        """The account's address is verified.

        Raises:
            MailTokenNotGood: it is no token, or not good any more, or the account has another address by now.
        """
        async with self.postgres.transaction("user.verify_email") as connection:
            request = await mail_requests.find(connection, token, Purpose.EMAIL_VERIFICATION)
            if request is None:
                raise MailTokenNotGood
            status = await store.lock_addressed(connection, request.account_id, request.address_key)
            gone = status is None or status is AccountStatus.DELETED
            if gone or not await mail_requests.settle(connection, request.id):
                raise MailTokenNotGood
            await store.set_email_verified(connection, request.account_id)
