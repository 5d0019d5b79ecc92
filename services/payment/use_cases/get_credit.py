"""Show a customer's store credit."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.money import Money
from services.payment.domain.credit import require_may_see
from services.payment.ports import Work


@dataclass(frozen=True)
class GetCredit:
    """Whose, and who asks."""

    user_id: UUID
    asked_by: UUID
    is_staff: bool


@dataclass(frozen=True)
class GetCreditHandler:
    """Reads one's own balances; staff read anybody's."""

    work: Work

    async def __call__(self, command: GetCredit) -> list[Money]:
        """The balances, by currency. Raises OnlyStaffSeeOthersCredit."""
        require_may_see(command.user_id, command.asked_by, is_staff=command.is_staff)
        async with self.work.read() as unit:
            return await unit.credit.of_user(command.user_id)
