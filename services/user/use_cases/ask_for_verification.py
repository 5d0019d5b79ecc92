"""Request another mail with a token that verifies a user's address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from services.user.domain.accounts import AccountStatus, NoSuchUser
from services.user.domain.facts import EmailVerificationRequested
from services.user.domain.mail_requests import Purpose
from services.user.ports import UserUnit, Work
from services.user.use_cases.count_mail import count_mail


class EmailVerified(Exception):
    """The address is verified already."""

    def __init__(self) -> None:
        super().__init__("the email address is already verified")


@dataclass(frozen=True)
class AskForVerification:
    """The user, and the origin of the request."""

    account_id: UUID
    client_address: IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class AskForVerificationHandler:
    """Creates requests for tokens that verify addresses: a new one that waits for it, else the account's."""

    work: Work

    async def __call__(self, command: AskForVerification) -> None:
        """Publishes EmailVerificationRequested; earlier tokens become void.

        Raises:
            NoSuchUser: the account does not exist any more.
            EmailVerified: the address is verified already, and no other waits for it.
            TooManyMails: too many were requested lately.
        """
        async with self.work.begin("user.ask_for_verification") as unit:
            await self._ask(unit, command)

    @staticmethod
    async def _ask(unit: UserUnit, command: AskForVerification) -> None:
        account_id = command.account_id
        await unit.accounts.lock(account_id)
        user = await unit.accounts.get(account_id)
        if user is None or user.status is AccountStatus.DELETED:
            raise NoSuchUser
        change = await unit.address_changes.pending(account_id)
        if change is None and user.email_verified:
            raise EmailVerified
        key = change.new_key if change else user.person.address_key
        await count_mail(unit, command.client_address, key)
        request_id = await unit.mail_requests.open(account_id, Purpose.EMAIL_VERIFICATION, key)
        await unit.publish(EmailVerificationRequested(account_id, request_id))
