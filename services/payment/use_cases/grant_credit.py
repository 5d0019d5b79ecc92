"""Grant store credit to a customer, because staff want to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog

from services.chassis.plain import clock, ids
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.domain.credit import CreditEntry, CreditKind, grantable
from services.payment.ports import PaymentUnit, Work

_log = structlog.get_logger()


@dataclass(frozen=True)
class GrantCredit:
    """Who gets how much, why, and who grants it."""

    user_id: UUID
    amount: Decimal
    currency: str
    reason: str
    staff_id: UUID
    request: Repeatable


@dataclass(frozen=True)
class GrantCreditHandler:
    """Adds to the balance of a customer."""

    work: Work

    async def __call__(self, command: GrantCredit) -> CreditEntry:
        """The entry. A repeat with the same key gets the first one.

        Raises:
            CreditRefused: the currency has no such amount, or nothing can be sold in it.
            IdempotencyMismatch, IdempotencyInFlight: see UnitsOfWork.once.
        """
        entry = CreditEntry(
            id=ids.new_id(),
            user_id=command.user_id,
            kind=CreditKind.GRANT,
            amount=grantable(command.amount, command.currency),
            created_at=clock.now(),
            granted_by=command.staff_id,
            reason=command.reason,
        )

        async def grant(unit: PaymentUnit) -> CreditEntry:
            await unit.credit.add(entry)
            return entry

        answered = await self.work.once(
            "payment.grant_credit", f"grantCredit:{command.staff_id}", command.request, grant, CreditEntry
        )
        if not answered.replayed:
            _log.info("credit_granted", entry_id=str(entry.id), user_id=str(entry.user_id), by=str(command.staff_id))
        return answered.value
