"""Compares reservations with their orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.chassis import clock, ids
from services.chassis.postgres import Postgres
from services.chassis.reconciliation import Drift, Page
from services.inventory import store
from services.inventory.consumers import GROUP
from services.inventory.domain import ReleaseReason, Status
from services.inventory.orders import Orders, OrderStatus
from services.inventory.store import Standing
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.sell_confirmed import SellConfirmed

CANCELLED_HOLDS_STOCK = "cancelled_holds_stock"
CONFIRMED_WITHOUT_STOCK = "confirmed_without_stock"
ORDER_UNKNOWN = "sold_order_unknown"
_PAID = ("confirmed", "shipped", "delivered")


@dataclass(frozen=True)
class CompareReservations:
    """Subjects are orders that have a reservation."""

    postgres: Postgres
    orders: Orders
    sell: SellConfirmed
    release: ReleaseReservation
    settled: timedelta

    name = "reservations"
    kinds: Sequence[str] = (CANCELLED_HOLDS_STOCK, CONFIRMED_WITHOUT_STOCK, ORDER_UNKNOWN)

    async def page(self, place: str, limit: int) -> Page:
        """The next reservations, by the ids of their orders."""
        rows = await self.postgres.fetch(
            "SELECT order_id FROM reservations WHERE $1::uuid IS NULL OR order_id > $1 ORDER BY order_id LIMIT $2",
            UUID(place) if place else None,
            limit,
        )
        subjects = [str(row["order_id"]) for row in rows]
        return Page(subjects, subjects[-1] if len(subjects) == limit else "")

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises grpc.aio.AioRpcError while order does not answer."""
        async with self.postgres.connection() as connection:
            standing = await store.standing(connection, [UUID(one) for one in subjects], self.settled)
        known = await self.orders.look_up([one.order_id for one in standing])
        return [drift for one in standing for drift in self._compare(one, known.get(one.order_id))]

    async def mend(self, drift: Drift) -> None:
        """Sell or give back, as the order's event would have done; where stock is short, the order is cancelled."""
        order_id = UUID(drift.subject)
        if drift.kind == CONFIRMED_WITHOUT_STOCK:
            await self.sell(GROUP, ids.new_id(), order_id)
        else:
            async with self.postgres.transaction() as connection:
                await self.release(connection, order_id)

    def _compare(self, one: Standing, order: OrderStatus | None) -> list[Drift]:
        subject, ours = str(one.order_id), f"its stock is {one.status}"
        if order is None:
            sold = one.status is Status.COMMITTED  # a hold whose order was never stored ends by itself
            return [Drift(ORDER_UNKNOWN, subject, ours, "there is no such order")] if sold else []
        theirs = f"the order is {order.status}"
        if order.updated_at > clock.now() - self.settled:
            return []
        if order.status == "cancelled" and one.status is not Status.RELEASED:
            return [Drift(CANCELLED_HOLDS_STOCK, subject, ours, theirs, "it is given back")]
        if order.status in _PAID and one.status is not Status.COMMITTED:
            may_sell = one.status is Status.HELD or one.release_reason is ReleaseReason.EXPIRED
            repair = "it is sold; if it is short, the order is cancelled" if may_sell else None
            return [Drift(CONFIRMED_WITHOUT_STOCK, subject, ours, theirs, repair)]
        return []
