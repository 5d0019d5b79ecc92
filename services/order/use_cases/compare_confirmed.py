"""Compare confirmed orders with their payments and with what is reserved for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.chassis.plain.comparison import Drift
from services.chassis.plain.side_by_side import side_by_side
from services.order.domain.history import fold
from services.order.domain.orders import Order, Status
from services.order.ports import Commits, Inventory, Now, Payments
from services.order.use_cases.each_order import EachOrder

CONFIRMED_NOT_PAID = "confirmed_not_paid"
CONFIRMED_NOT_RESERVED = "confirmed_not_reserved"

_PAID_FOR = (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)


@dataclass(frozen=True)
class CompareConfirmed(EachOrder):
    """Of an order that is confirmed, a payment was made and stock is reserved."""

    commits: Commits
    payments: Payments
    inventory: Inventory
    settled: timedelta
    """What has changed within this time is not compared."""
    now: Now

    name = "confirmed_orders"
    kinds: Sequence[str] = (CONFIRMED_NOT_PAID, CONFIRMED_NOT_RESERVED)

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store, the payment service or the inventory service is away."""
        found = await side_by_side(self._order, subjects)
        settled_at = self.now() - self.settled
        paid_for = [one for one in found if one and one.status in _PAID_FOR and one.updated_at <= settled_at]
        unpaid = await side_by_side(self._unpaid, paid_for)
        return [*(drift for drift in unpaid if drift is not None), *await self._not_reserved(paid_for)]

    async def mend(self, drift: Drift) -> None:
        """No repair is safe: a person decides whether the order is cancelled."""

    async def _unpaid(self, order: Order) -> Drift | None:
        if await self.payments.was_paid(order.id):
            return None
        return Drift(CONFIRMED_NOT_PAID, str(order.id), f"the order is {order.status}", "no payment of it was made")

    async def _not_reserved(self, orders: Sequence[Order]) -> list[Drift]:
        """Inventory forgets the reservations of orders that were shipped long ago, so those are not compared."""
        unshipped = [order.id for order in orders if order.status is Status.CONFIRMED]
        reserved = await self.inventory.with_reservation(unshipped) if unshipped else frozenset()
        return [
            Drift(CONFIRMED_NOT_RESERVED, str(one), "the order is confirmed", "inventory has no reservation of it")
            for one in unshipped
            if one not in reserved
        ]

    async def _order(self, subject: str) -> Order | None:
        try:
            history = await self.commits.load(UUID(subject))
            return fold(history) if history else None
        except (ValueError, KeyError):
            return None  # compare_read_side.py reports it
