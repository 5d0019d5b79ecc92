"""Grant or revoke the role staff. For operators only; no rpc uses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.user.domain.accounts import NoSuchUser
from services.user.domain.people import address_key
from services.user.ports import Work
from services.user.use_cases.end_all_sessions import end_all_sessions

_log = structlog.get_logger()


@dataclass(frozen=True)
class ChangeStaff:
    """The address, whether to grant or revoke, and the operator."""

    email: str = field(repr=False)
    staff: bool
    operator: str


@dataclass(frozen=True)
class StaffChange:
    """The result."""

    account_id: UUID
    changed: bool
    """False if nothing had to change."""
    sessions_ended: int


@dataclass(frozen=True)
class ChangeStaffHandler:
    """Grants and revokes the role `staff`.

    Roles are in tokens, which are valid for a day. So a user who loses the role is signed out everywhere within
    seconds; a user who gets it has it from the next sign-in on.
    """

    work: Work

    async def __call__(self, command: ChangeStaff) -> StaffChange:
        """Grants or revokes the role. Idempotent. Raises NoSuchUser for an unknown address."""
        ended: list[UUID] = []
        async with self.work.begin("user.change_staff") as unit:
            found = await unit.accounts.lock_staff(address_key(command.email))
            if found is None:
                raise NoSuchUser
            account_id, was_staff = found
            changed = was_staff is not command.staff
            if changed:
                await unit.accounts.set_staff(account_id, command.staff)
            if changed and was_staff:
                ended = await end_all_sessions(unit, account_id)
        if changed:
            event = "staff_granted" if command.staff else "staff_revoked"
            _log.info(event, audit=True, user_id=str(account_id), operator=command.operator, sessions_ended=len(ended))
        return StaffChange(account_id, changed, len(ended))
