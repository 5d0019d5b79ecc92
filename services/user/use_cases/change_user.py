"""Change an account and its profile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import structlog

from services.user.domain.accounts import Changes, EmailTaken, NoSuchUser, User, changed, may_change, new_address
from services.user.domain.address_changes import AddressChange
from services.user.domain.facts import EmailChangeRequested, EmailVerificationRequested, UserUpdated
from services.user.domain.limits import session_limits
from services.user.domain.mail_requests import Purpose
from services.user.domain.people import address_key
from services.user.domain.sign_in import Credentials, may_sign_in
from services.user.ports import UserUnit, Work
from services.user.use_cases.change_password import WrongPassword
from services.user.use_cases.count_mail import count_mail
from services.user.use_cases.guesses import Guesses

_log = structlog.get_logger()


@dataclass(frozen=True)
class ChangeUser:
    """The caller, the account, and the changes."""

    caller: UUID
    caller_is_staff: bool
    session_id: UUID
    """The caller's session."""
    client_address: IPv4Address | IPv6Address | None
    account_id: UUID
    changes: Changes
    current_password: str = field(default="", repr=False)
    """The caller's password; needed for another address."""


@dataclass(frozen=True)
class ChangeUserHandler:
    """Changes accounts. Concurrent changes run one after the other: none overwrites another's fields.

    Another address needs the caller's password, staff's own for the account of somebody else. It takes over when it is
    verified (verify_email.py); the present address gets a mail that can undo the change (undo_email_change.py).
    """

    work: Work
    guesses: Guesses

    async def __call__(self, command: ChangeUser) -> User:
        """The changed account; publishes UserUpdated if anything but the address changed.

        Another address publishes EmailVerificationRequested and EmailChangeRequested. The present address withdraws a
        change that is not verified yet.

        Raises:
            NoSuchUser: also for another person's account.
            AccountDeleted: the account is deleted.
            InvalidPerson: a name is not valid.
            WrongPassword: the address changes, and the caller's password is absent or wrong.
            TooManyFailures, TooManySignIns: the password was not compared.
            TooManyMails: too many mails were requested lately, to either address.
            EmailTaken: another account has the new address.
        """
        if not may_change(command.caller, command.caller_is_staff, command.account_id):
            raise NoSuchUser
        proven = await self._prove(command)
        async with self.work.begin("user.change") as unit:
            user = await self._change(unit, command, proven)
        if command.caller != command.account_id:
            _log.info(
                "user_changed_by_staff", audit=True, user_id=str(command.account_id), by=str(command.caller),
                email_change=command.changes.email is not None,
            )  # fmt: skip
        return user

    async def _prove(self, command: ChangeUser) -> Credentials | None:
        """The caller's credentials, if the address changes and the password is theirs. None: it does not change."""
        async with self.work.read() as unit:
            user = await unit.accounts.get(command.account_id)
            if user is None:
                raise NoSuchUser
            changed(user, command.changes)  # errors that cost no hash
            credentials = await unit.accounts.credentials_by_id(command.caller)
        if new_address(user, command.changes) is None:
            return None
        if credentials is None or not command.current_password:
            raise WrongPassword("currentPassword")
        limits, known_hash = session_limits(command.session_id), credentials.password_hash
        matches = await self.guesses.match(str(command.caller), command.current_password, known_hash, limits)
        if not may_sign_in(credentials.status, matches):
            raise WrongPassword("currentPassword")
        return credentials

    async def _change(self, unit: UserUnit, command: ChangeUser, proven: Credentials | None) -> User:
        await unit.accounts.lock(command.account_id)
        before = await unit.accounts.get(command.account_id)
        if before is None:
            raise NoSuchUser
        after = changed(before, command.changes)
        email = new_address(before, command.changes)
        if email is not None:
            if proven is None or await unit.accounts.credentials_by_id(command.caller) != proven:
                raise WrongPassword("currentPassword")  # the address or the password changed meanwhile
            await self._ask_to_verify(unit, command, before, email)
            after = replace(after, pending_email=email)
        elif command.changes.email is not None:
            await unit.address_changes.withdraw(before.id)
            after = replace(after, pending_email=None)
        if replace(after, pending_email=before.pending_email) == before:
            return after
        updated_at = await unit.accounts.save(after)
        await unit.publish(UserUpdated(after.id, after.person, None, after.email_verified))
        return after.as_of(updated_at)

    @staticmethod
    async def _ask_to_verify(unit: UserUnit, command: ChangeUser, user: User, email: str) -> None:
        """Requests two mails: one by which the new address takes over, one by which the present one undoes that."""
        key = address_key(email)
        taken = await unit.accounts.credentials_by_address(key) is not None
        if taken or await unit.address_changes.is_left(key, by_others_than=user.id):
            raise EmailTaken
        await count_mail(unit, command.client_address, key, user.person.address_key)
        verification_id = await unit.mail_requests.open(user.id, Purpose.EMAIL_VERIFICATION, key)
        undo_id = await unit.mail_requests.open_first(user.id, Purpose.EMAIL_CHANGE, user.person.address_key)
        await unit.address_changes.open(AddressChange(undo_id, user.id, user.person.email, email))
        await unit.publish(EmailVerificationRequested(user.id, verification_id))
        await unit.publish(EmailChangeRequested(user.id, undo_id))
