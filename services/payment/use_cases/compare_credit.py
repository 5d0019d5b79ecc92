"""Compare customers' balances of store credit with their entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.comparison import Drift, Page
from services.payment.ports import Work

CREDIT_DIFFERS = "credit_differs"


@dataclass(frozen=True)
class CompareCredit:
    """Subjects are customers. A balance changes in the transaction of its entry: a difference is for a person."""

    work: Work

    name = "credit"
    kinds: Sequence[str] = (CREDIT_DIFFERS,)

    async def page(self, place: str, limit: int) -> Page:
        """The next customers with a balance, by their ids."""
        async with self.work.read() as unit:
            subjects = [str(one) for one in await unit.credit.users_after(UUID(place) if place else None, limit)]
        return Page.of(subjects, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """Who paid for the order, or tried to."""
        async with self.work.read() as unit:
            return sorted({str(payment.user_id) for payment in await unit.payments.of_order(order_id)})

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store is away."""
        async with self.work.read() as unit:
            found = await unit.credit.compared([UUID(one) for one in subjects])
        return [
            Drift(CREDIT_DIFFERS, str(one.user_id), f"the balance is {one.balance}", f"entries come to {one.entries}")
            for one in found
            if one.balance != one.entries
        ]

    async def mend(self, drift: Drift) -> None:
        """Nothing: no repair is safe."""
