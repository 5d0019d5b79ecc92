"""Find accounts for staff: by mail address, by its first letters, or the newest."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.chassis.plain.errors import FieldViolation, InvalidArgument
from services.user.domain.accounts import AccountSummary
from services.user.domain.people import address_key
from services.user.ports import UserUnit, Work

_log = structlog.get_logger()


@dataclass(frozen=True)
class SearchUsers:
    """The caller, what the accounts must have, and the page."""

    staff_id: UUID
    """Staff: the contract admits nobody else."""
    email: str = field(repr=False)
    """Empty: any."""
    email_prefix: str = field(repr=False)
    """Empty: any."""
    after: UUID | None
    """The last account of the page before; None for the first page."""
    size: int


@dataclass(frozen=True)
class SearchUsersHandler:
    """Finds accounts. Each search is in the audit log, without addresses."""

    work: Work

    async def __call__(self, command: SearchUsers) -> tuple[list[AccountSummary], UUID | None]:
        """The page, and the account after which the next one begins; None on the last page.

        Raises InvalidArgument: both an address and its first letters.
        """
        if command.email and command.email_prefix:
            raise InvalidArgument([FieldViolation("emailPrefix", "must be absent when email is present")])
        async with self.work.read() as unit:
            found = await self._find(unit, command)
        page = found[: command.size]
        _log.info("users_searched", audit=True, by=str(command.staff_id), found=len(page))
        return page, page[-1].id if len(found) > command.size else None

    @staticmethod
    async def _find(unit: UserUnit, command: SearchUsers) -> list[AccountSummary]:
        if command.email:
            account = await unit.accounts.with_address(address_key(command.email))
            return [account] if account else []
        if command.email_prefix:
            return await unit.accounts.with_prefix(address_key(command.email_prefix), command.after, command.size + 1)
        return await unit.accounts.newest(command.after, command.size + 1)
