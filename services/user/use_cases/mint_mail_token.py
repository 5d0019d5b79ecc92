"""Create the token of one mail that is about to be sent, for the service that sends it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.accounts import AccountStatus
from services.user.domain.mail_requests import MailToken
from services.user.ports import UserUnit, Work


class NoSuchMailRequest(Exception):
    """The request does not exist."""

    def __init__(self) -> None:
        super().__init__("request not found")


class MailRequestVoid(Exception):
    """No mail may be sent for the request any more."""

    def __init__(self) -> None:
        super().__init__("the request was used, replaced or has expired; no email is sent")


@dataclass(frozen=True)
class MintMailToken:
    """The request of the mail."""

    request_id: UUID


@dataclass(frozen=True)
class MintMailTokenHandler:
    """Creates tokens, one per mail. A repeat creates another: both tokens of a mail that is sent twice are valid."""

    work: Work

    async def __call__(self, command: MintMailToken) -> MailToken:
        """A token, valid from now on. Raises NoSuchMailRequest and MailRequestVoid."""
        async with self.work.begin("user.mint_mail_token") as unit:
            account_id = await unit.mail_requests.account_of(command.request_id)
            if account_id is None:
                raise NoSuchMailRequest
            return await self._mint(unit, account_id, command.request_id)

    @staticmethod
    async def _mint(unit: UserUnit, account_id: UUID, request_id: UUID) -> MailToken:
        status = await unit.accounts.lock(account_id)
        address_key = await unit.mail_requests.address_of_open(request_id)
        user = await unit.accounts.get(account_id)
        if user is None or status is not AccountStatus.ACTIVE or user.person.address_key != address_key:
            raise MailRequestVoid
        token, expires_at = await unit.mail_requests.mint(request_id)
        return MailToken(token, user.person, expires_at)
