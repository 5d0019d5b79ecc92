"""Show a payment's refunds, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.domain.payments import PaymentNotFound
from services.payment.domain.refunds import Refund
from services.payment.ports import Work


@dataclass(frozen=True)
class ListRefunds:
    """Of which payment, and which page."""

    payment_id: UUID
    before: UUID | None
    """The id after the newest refund of the page; None for the first page."""
    size: int


@dataclass(frozen=True)
class ListRefundsHandler:
    """Reads a page of a payment's refunds, newest first."""

    work: Work

    async def __call__(self, command: ListRefunds) -> tuple[list[Refund], UUID | None]:
        """The page, and the id before which the next one begins; None on the last page. Raises PaymentNotFound."""
        async with self.work.read() as unit:
            if await unit.payments.find(command.payment_id) is None:
                raise PaymentNotFound
            found = await unit.refunds.page(command.payment_id, before=command.before, limit=command.size + 1)
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
