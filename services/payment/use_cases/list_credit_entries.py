"""Show what a customer's store credit came from and went to, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.domain.credit import CreditEntry, require_may_see
from services.payment.ports import Work


@dataclass(frozen=True)
class ListCreditEntries:
    """Whose, who asks, and which page."""

    user_id: UUID
    asked_by: UUID
    is_staff: bool
    before: UUID | None
    """The id after the newest entry of the page; None for the first page."""
    size: int


@dataclass(frozen=True)
class ListCreditEntriesHandler:
    """Reads a page of one's own entries, newest first; staff read anybody's."""

    work: Work

    async def __call__(self, command: ListCreditEntries) -> tuple[list[CreditEntry], UUID | None]:
        """The page, and the id before which the next one begins; None on the last page.

        Raises OnlyStaffSeeOthersCredit.
        """
        require_may_see(command.user_id, command.asked_by, is_staff=command.is_staff)
        async with self.work.read() as unit:
            found = await unit.credit.page(command.user_id, before=command.before, limit=command.size + 1)
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
