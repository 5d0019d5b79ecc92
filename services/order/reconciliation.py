"""What the service's reconciliation compares: confirmed orders with payments, the read side with the histories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.comparison import Comparison, Drift, Page
from services.chassis.mongo import Mongo
from services.order.domain import Order, Status, fold
from services.order.order_ids import OrderIds
from services.order.payments import Payments
from services.order.read_side import ReadSide
from services.order.read_side_repair import ReadSideRepair
from services.order.side_by_side import side_by_side
from services.order.store import CommitStore
from services.order.use_cases.rebuild_read_side import SETTLED_AFTER, Difference, Found, RebuildReadSide

CONFIRMED_NOT_PAID = "confirmed_not_paid"
READ_SIDE_DIFFERS = "read_side_differs"

_PAID_FOR = (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)


@dataclass(frozen=True)
class CompareConfirmed:
    """Subjects are orders. One that somebody paid for has a payment that was made."""

    ids: OrderIds
    store: CommitStore
    payments: Payments
    settled: timedelta
    """What has changed within this time is not compared."""
    now: Callable[[], datetime]

    name = "confirmed_orders"
    kinds: Sequence[str] = (CONFIRMED_NOT_PAID,)

    async def page(self, place: str, limit: int) -> Page:
        """The next orders."""
        return await _page(self.ids, place, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises grpc.aio.AioRpcError, Unavailable: the payment service or the store is away."""
        return [drift for drift in await side_by_side(self._compare, subjects) if drift is not None]

    async def mend(self, drift: Drift) -> None:
        """Nothing is safe here: a person decides whether the order is cancelled, or was paid by other means."""

    async def _compare(self, order_id: str) -> Drift | None:
        order = await self._order(order_id)
        if order is None or order.status not in _PAID_FOR or order.updated_at > self.now() - self.settled:
            return None
        if await self.payments.was_paid(order_id):
            return None
        return Drift(CONFIRMED_NOT_PAID, order_id, f"the order is {order.status}", "no payment of it was made")

    async def _order(self, order_id: str) -> Order | None:
        try:
            history = await self.store.load(order_id)
            return fold(history) if history else None
        except (ValueError, KeyError):
            return None  # the comparison of the read side reports it


@dataclass(frozen=True)
class CompareReadSide:
    """Subjects are orders. The lists show each as its history has it."""

    ids: OrderIds
    rebuild: RebuildReadSide

    name = "read_side"
    kinds: Sequence[str] = (READ_SIDE_DIFFERS,)

    async def page(self, place: str, limit: int) -> Page:
        """The next orders."""
        return await _page(self.ids, place, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store is away."""
        found = await side_by_side(self._compare, subjects)
        return [_drift(difference) for differences in found for difference in differences]

    async def mend(self, drift: Drift) -> None:
        """Let the lists show the order as its history has it. Raises Unavailable, Contended."""
        await self.rebuild.of_order(drift.subject, mend=True)

    async def _compare(self, order_id: str) -> list[Difference]:
        return await self.rebuild.of_order(order_id, mend=False)


async def _page(ids: OrderIds, place: str, limit: int) -> Page:
    found = await ids.after(place, limit)
    return Page(found, found[-1] if len(found) == limit else "")


def _drift(difference: Difference) -> Drift:
    ours = f"the lists have it as {difference.found} {' '.join(difference.fields)}".rstrip()
    if difference.found is Found.UNREADABLE:
        return Drift(READ_SIDE_DIFFERS, difference.order_id, ours, "the order's history cannot be read")
    repair = "the lists are made to show what the history has"
    return Drift(READ_SIDE_DIFFERS, difference.order_id, ours, "the order's history", repair)


def comparisons(
    mongo: Mongo, payments: Payments, settled: timedelta, now: Callable[[], datetime]
) -> tuple[Comparison, ...]:
    """All of them, for the background routine and for `argosy reconcile`."""
    ids, store, read_side = OrderIds(mongo), CommitStore(mongo), ReadSide(mongo)
    rebuild = RebuildReadSide(store, read_side, ReadSideRepair(mongo, read_side), max(settled, SETTLED_AFTER), now)
    return CompareConfirmed(ids, store, payments, settled, now), CompareReadSide(ids, rebuild)
