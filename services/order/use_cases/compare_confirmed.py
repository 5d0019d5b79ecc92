"""Compare confirmed orders with their payments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.chassis.plain.comparison import Drift, Page
from services.chassis.plain.side_by_side import side_by_side
from services.order.domain.history import fold
from services.order.domain.orders import Order, Status
from services.order.ports import Commits, Now, OrderIds, Payments

CONFIRMED_NOT_PAID = "confirmed_not_paid"

_PAID_FOR = (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)


@dataclass(frozen=True)
class CompareConfirmed:
    """Subjects are orders. Of one that is confirmed, a payment was made."""

    ids: OrderIds
    commits: Commits
    payments: Payments
    settled: timedelta
    """What has changed within this time is not compared."""
    now: Now

    name = "confirmed_orders"
    kinds: Sequence[str] = (CONFIRMED_NOT_PAID,)

    async def page(self, place: str, limit: int) -> Page:
        """The next orders."""
        found = await self.ids.after(place, limit)
        return Page.of(found, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store or the payment service is away."""
        return [drift for drift in await side_by_side(self._compare, subjects) if drift is not None]

    async def mend(self, drift: Drift) -> None:
        """No repair is safe: a person decides whether the order is cancelled."""

    async def _compare(self, subject: str) -> Drift | None:
        order = await self._order(subject)
        if order is None or order.status not in _PAID_FOR or order.updated_at > self.now() - self.settled:
            return None
        if await self.payments.was_paid(order.id):
            return None
        return Drift(CONFIRMED_NOT_PAID, subject, f"the order is {order.status}", "no payment of it was made")

    async def _order(self, subject: str) -> Order | None:
        try:
            history = await self.commits.load(UUID(subject))
            return fold(history) if history else None
        except (ValueError, KeyError):
            return None  # compare_read_side.py reports it
