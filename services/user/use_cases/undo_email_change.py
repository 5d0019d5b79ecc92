"""Undo a change of an account's address, for a caller with the token that was mailed to the old one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from services.user.domain.accounts import AccountStatus
from services.user.domain.facts import PasswordResetRequested, UserUpdated
from services.user.domain.limits import sign_in_limits
from services.user.domain.mail_requests import MailRequest, MailTokenNotGood, Purpose
from services.user.domain.people import address_key
from services.user.ports import Passwords, Revocations, UserUnit, Work
from services.user.use_cases.end_all_sessions import end_all_sessions

_log = structlog.get_logger()


@dataclass(frozen=True)
class UndoEmailChange:
    """The token."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class UndoEmailChangeHandler:
    """Gives an account back to its old address. Of concurrent calls with one token, one succeeds.

    Whoever changed the address knew the password: the account gets one that nobody knows, and a mail to the old address
    allows to choose another.
    """

    work: Work
    passwords: Passwords
    revocations: Revocations

    async def __call__(self, command: UndoEmailChange) -> None:
        """Restores the old address, voids this change and all later ones, and ends all sessions.

        Publishes UserUpdated, PasswordResetRequested, and SessionRevoked for each session.

        Raises:
            MailTokenNotGood: the token is not valid; no password was hashed for it.
            TooManySignIns: too many passwords wait to be hashed.
        """
        async with self.work.read() as unit:
            request = await unit.mail_requests.find(command.token, Purpose.EMAIL_CHANGE)
        if request is None:
            raise MailTokenNotGood
        unknown = await self.passwords.hash(str(request.account_id), secrets.token_urlsafe(32))
        async with self.work.begin("user.undo_email_change") as unit:
            ended = await self._undo(unit, request, unknown)
        for session_id in ended:
            self.revocations.session_ended(session_id)
        _log.info("email_change_undone", audit=True, user_id=str(request.account_id), sessions_ended=len(ended))

    @staticmethod
    async def _undo(unit: UserUnit, request: MailRequest, unknown_hash: bytes) -> list[UUID]:
        account_id = request.account_id
        await unit.accounts.lock(account_id)
        user, change = await unit.accounts.get(account_id), await unit.address_changes.of_undo(request.id)
        if user is None or user.status is AccountStatus.DELETED or change is None:
            raise MailTokenNotGood
        if not await unit.mail_requests.settle(request.id):
            raise MailTokenNotGood
        await unit.address_changes.undo(change)
        await unit.mail_requests.void(account_id, Purpose.EMAIL_VERIFICATION)
        person = replace(user.person, email=change.old_email)
        await unit.accounts.save(replace(user, person=person, email_verified=True, pending_email=None))
        await unit.publish(UserUpdated(account_id, person, None, email_verified=True))
        await unit.accounts.set_password(account_id, unknown_hash)
        key = address_key(change.old_email)
        await unit.sign_in_failures.forget(sign_in_limits(key, client_address=None)[0])
        ended = await end_all_sessions(unit, account_id)
        reset_id = await unit.mail_requests.open(account_id, Purpose.PASSWORD_RESET, key)
        await unit.publish(PasswordResetRequested(account_id, reset_id))
        return ended
