"""Create the token of one mail that is about to be sent, for the service that sends it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.user.domain.accounts import AccountStatus, User
from services.user.domain.mail_requests import MailRequest, MailToken, Purpose
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
            request = await unit.mail_requests.get(command.request_id)
            if request is None:
                raise NoSuchMailRequest
            return await self._mint(unit, request)

    async def _mint(self, unit: UserUnit, request: MailRequest) -> MailToken:
        status = await unit.accounts.lock(request.account_id)
        user = await unit.accounts.get(request.account_id)
        if user is None or status is not AccountStatus.ACTIVE or not await unit.mail_requests.is_open(request.id):
            raise MailRequestVoid
        email = await self._email(unit, request, user)
        token, expires_at = await unit.mail_requests.mint(request)
        known = user.email_verified and user.person.email == email
        return MailToken(token, email, user.person.full_name if known else "", expires_at)

    @staticmethod
    async def _email(unit: UserUnit, request: MailRequest, user: User) -> str:
        """The address to which the mail goes: the account's, a new one that is to be verified, or one that it left."""
        if request.purpose is Purpose.EMAIL_CHANGE:
            change = await unit.address_changes.of_undo(request.id)
            if change is not None:
                return change.old_email
        elif user.person.address_key == request.address_key:
            return user.person.email
        elif request.purpose is Purpose.EMAIL_VERIFICATION:
            change = await unit.address_changes.pending(user.id)
            if change is not None and change.new_key == request.address_key:
                return change.new_email
        raise MailRequestVoid
