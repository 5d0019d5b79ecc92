"""Show payments, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.domain.payments import Payment
from services.payment.ports import Work


@dataclass(frozen=True)
class ListPayments:
    """Who asks, and which page."""

    user_id: UUID
    is_staff: bool
    order_id: UUID | None
    before: UUID | None
    """The id after the newest payment of the page; None for the first page."""
    size: int


@dataclass(frozen=True)
class ListPaymentsHandler:
    """Reads one's own payments, newest first. With an order: those of this order; staff see all of it."""

    work: Work

    async def __call__(self, command: ListPayments) -> tuple[list[Payment], UUID | None]:
        """The page, and the id before which the next one begins; None on the last page."""
        owner = None if command.is_staff and command.order_id is not None else command.user_id
        async with self.work.read() as unit:
            found = await unit.payments.page(
                user_id=owner, order_id=command.order_id, before=command.before, limit=command.size + 1
            )
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
