"""Make a person one of the staff, or no longer. An operator's doing: no rpc leads here."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.chassis.postgres import Postgres
from services.user import store
from services.user.domain import address_key
from services.user.use_cases.end_session import end_all_sessions
from services.user.use_cases.get_user import NoSuchUser

_log = structlog.get_logger()


@dataclass(frozen=True)
class ChangeStaff:
    """Whose address, what they are to be, and which operator says so."""

    email: str = field(repr=False)
    staff: bool
    operator: str


@dataclass(frozen=True)
class StaffChange:
    """What has come of it."""

    account_id: UUID
    changed: bool
    """False: it was so already."""
    sessions_ended: int


@dataclass(frozen=True)
class ChangeStaffHandler:
    """Grants and revokes the role `staff`.

    Roles travel in tokens, which are good for a day. So who loses the role is signed out everywhere, within seconds;
    who gets it has it from the next sign-in on.
    """

    postgres: Postgres

    async def __call__(self, command: ChangeStaff) -> StaffChange:
        """The account is, or is not, of the staff; as often as one likes. Raises NoSuchUser for an unknown address."""
        ended: list[UUID] = []
        async with self.postgres.transaction("user.change_staff") as connection:
            found = await store.staff_by_address(connection, address_key(command.email))
            if found is None:
                raise NoSuchUser
            account_id, was_staff = found
            changed = was_staff is not command.staff
            if changed:
                await store.set_staff(connection, account_id, command.staff)
            if changed and was_staff:
                ended = await end_all_sessions(connection, account_id)
        if changed:
            event = "staff_granted" if command.staff else "staff_revoked"
            _log.info(event, audit=True, user_id=str(account_id), operator=command.operator, sessions_ended=len(ended))
        return StaffChange(account_id, changed, len(ended))
