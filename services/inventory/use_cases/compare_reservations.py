"""Compare reservations with their orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.plain import ids
from services.chassis.plain.comparison import Drift, Page
from services.inventory.domain.reservations import KnownOrder, Standing, Status
from services.inventory.ports import Orders, Work
from services.inventory.use_cases.apply_order_status import ApplyOrderStatus, ApplyOrderStatusHandler
from services.inventory.use_cases.release_reservation import ReleaseReservation

CANCELLED_HOLDS_STOCK = "cancelled_holds_stock"
CONFIRMED_WITHOUT_STOCK = "confirmed_without_stock"
ORDER_UNKNOWN = "sold_order_unknown"
_PAID = ("confirmed", "shipped", "delivered")


@dataclass(frozen=True)
class CompareReservations:
    """Subjects are orders that have a reservation. What differs is repaired as the order's event would have done it."""

    work: Work
    orders: Orders
    apply: ApplyOrderStatusHandler
    settled: timedelta
    """What has changed within this time is not compared."""
    now: Callable[[], datetime]

    name = "reservations"
    kinds: Sequence[str] = (CANCELLED_HOLDS_STOCK, CONFIRMED_WITHOUT_STOCK, ORDER_UNKNOWN)

    async def page(self, place: str, limit: int) -> Page:
        """The next reservations, by the ids of their orders."""
        async with self.work.read() as unit:
            subjects = [str(one) for one in await unit.reservations.page(UUID(place) if place else None, limit)]
        return Page.of(subjects, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store or the order service is away."""
        async with self.work.read() as unit:
            standing = await unit.reservations.standing([UUID(one) for one in subjects], self.settled)
        known = await self.orders.look_up([one.order_id for one in standing])
        return [drift for one in standing for drift in self._compare(one, known.get(one.order_id))]

    async def mend(self, drift: Drift) -> None:
        """Sell or give back; where stock is short, that is published, and the order is cancelled."""
        order_id = UUID(drift.subject)
        order = (await self.orders.look_up([order_id])).get(order_id)
        if order is not None and order.status in _PAID:
            await self.apply.sell_again(ApplyOrderStatus(_confirmed_by(order), order_id, "confirmed"))
        elif order is not None and order.status == "cancelled":
            await self.apply.release(ReleaseReservation(order_id))

    def _compare(self, one: Standing, order: KnownOrder | None) -> list[Drift]:
        subject, ours = str(one.order_id), f"its stock is {one.status}"
        if order is None:
            sold = one.status is Status.COMMITTED  # a hold whose order was never stored ends by itself
            return [Drift(ORDER_UNKNOWN, subject, ours, "there is no such order")] if sold else []
        theirs = f"the order is {order.status}"
        if order.updated_at > self.now() - self.settled:
            return []
        if order.status == "cancelled" and one.status is not Status.RELEASED:
            return [Drift(CANCELLED_HOLDS_STOCK, subject, ours, theirs, "it is given back")]
        if order.status in _PAID and one.status is not Status.COMMITTED:
            repair = "it is sold; if it is short, the order is cancelled" if one.can_be_sold else None
            return [Drift(CONFIRMED_WITHOUT_STOCK, subject, ours, theirs, repair)]
        return []


def _confirmed_by(order: KnownOrder) -> UUID:
    """The event that confirmed it, so that it is applied once; one that has moved on since does not name it."""
    known = order.status_event_id if order.status == "confirmed" else None
    return known or ids.new_id()
