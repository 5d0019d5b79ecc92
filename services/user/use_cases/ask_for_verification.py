"""Send a person another mail with a token that verifies their address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from argosy.event.v1.user_events_pb2 import EmailVerificationRequested
from services.chassis import outbox
from services.chassis.postgres import Connection, Postgres
from services.user import mail_requests, store
from services.user.domain import AccountStatus, Purpose
from services.user.mail_limits import MailLimits
from services.user.use_cases.get_user import NoSuchUser


class EmailVerified(Exception):
    """The address is verified already."""

    def __init__(self) -> None:
        super().__init__("the mail address is verified already")


@dataclass(frozen=True)
class AskForVerification:
    """Whose address, and where they ask from."""

    account_id: UUID
    client_address: IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class AskForVerificationHandler:
    """Makes requests for tokens that verify addresses."""

    postgres: Postgres
    limits: MailLimits

    async def __call__(self, command: AskForVerification) -> None:
        """EMAIL_VERIFICATION_REQUESTED is published; tokens that were mailed before are void.

        Raises:
            NoSuchUser: the account is gone.
            EmailVerified: there is nothing to verify.
            TooManyMails: too many were asked for lately.
        """
        async with self.postgres.transaction("user.ask_for_verification") as connection:
            await self._ask(connection, command)

    async def _ask(self, connection: Connection, command: AskForVerification) -> None:
        account_id = command.account_id
        await store.lock_account(connection, account_id)
        user = await store.user(connection, account_id)
        if user is None or user.status is AccountStatus.DELETED:
            raise NoSuchUser
        if user.email_verified:
            raise EmailVerified
        key = user.person.address_key
        await self.limits.count(connection, key, command.client_address)
        request_id = await mail_requests.open_request(connection, account_id, Purpose.EMAIL_VERIFICATION, key)
        event = EmailVerificationRequested(user_id=str(account_id), verification_id=str(request_id))
        await outbox.publish(connection, event, key=str(account_id), subject=str(account_id))
