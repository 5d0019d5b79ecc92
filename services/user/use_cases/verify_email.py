"""Verify an address, for a caller with the token that was mailed to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.user.domain.accounts import AccountStatus, EmailTaken, User
from services.user.domain.address_changes import AddressChange
from services.user.domain.facts import UserUpdated
from services.user.domain.mail_requests import MailRequest, MailTokenNotGood, Purpose
from services.user.ports import UserUnit, Work
from services.user.use_cases.set_email_verified import set_email_verified


@dataclass(frozen=True)
class VerifyEmail:
    """The token."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class VerifyEmailHandler:
    """Verifies addresses."""

    work: Work

    async def __call__(self, command: VerifyEmail) -> None:
        """Marks the account's address as verified, or lets a new one take over; publishes UserUpdated.

        Raises:
            MailTokenNotGood: the token is not valid, or the account has another address now.
            EmailTaken: another account has the new address meanwhile.
        """
        async with self.work.begin("user.verify_email") as unit:
            request = await unit.mail_requests.find(command.token, Purpose.EMAIL_VERIFICATION)
            if request is None:
                raise MailTokenNotGood
            await self._verify(unit, request)

    async def _verify(self, unit: UserUnit, request: MailRequest) -> None:
        await unit.accounts.lock(request.account_id)
        user = await unit.accounts.get(request.account_id)
        if user is None or user.status is AccountStatus.DELETED or not await unit.mail_requests.settle(request.id):
            raise MailTokenNotGood
        if user.person.address_key == request.address_key:
            await set_email_verified(unit, user)
            return
        change = await unit.address_changes.pending(user.id)
        if change is None or change.new_key != request.address_key:
            raise MailTokenNotGood
        await self._take_over(unit, user, change)

    @staticmethod
    async def _take_over(unit: UserUnit, user: User, change: AddressChange) -> None:
        person = replace(user.person, email=change.new_email)
        await unit.accounts.save(replace(user, person=person, email_verified=True, pending_email=None))
        if await unit.address_changes.is_left(change.new_key, by_others_than=user.id):
            raise EmailTaken
        await unit.address_changes.complete(change.undo_id)
        await unit.mail_requests.void(user.id, Purpose.PASSWORD_RESET)  # they were mailed to the old address
        await unit.publish(UserUpdated(user.id, person, None, email_verified=True))
