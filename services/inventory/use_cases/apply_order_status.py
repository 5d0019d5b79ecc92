"""Apply an event of the order service: an order was confirmed, cancelled or shipped."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter

from services.chassis.process.metrics import show_from_the_start
from services.inventory.domain.facts import StockShort
from services.inventory.domain.reservations import (
    NoReservation,
    OutOfStock,
    ReleaseReason,
    ReservationEnded,
    quantities,
)
from services.inventory.ports import Work
from services.inventory.use_cases.commit_reservation import CommitReservationHandler
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler

_refused = Counter(
    "argosy_inventory_sales_refused_total",
    "Confirmed orders whose stock was not sold: short (its hold had ended, and too little was left: it is cancelled),"
    " ended (it was cancelled meanwhile) or unknown (it has no reservation).",
    ["why"],
)
show_from_the_start(_refused, ("short", "ended", "unknown"))
_log = structlog.get_logger()


@dataclass(frozen=True)
class ApplyOrderStatus:
    """The content of the event."""

    event_id: UUID
    order_id: UUID
    status: str
    """The order's new status."""


@dataclass(frozen=True)
class ApplyOrderStatusHandler:
    """Applies each event once. A refused sale is an outcome, not a failure."""

    work: Work
    commit: CommitReservationHandler
    release: ReleaseReservationHandler

    async def __call__(self, command: ApplyOrderStatus) -> None:
        """Confirmed: sell the order's hold. Cancelled: release it. Shipped: it can no longer be released."""
        match command.status:
            case "confirmed":
                await self._sell(command)
            case "cancelled":
                async with self.work.begin("inventory.cancelled") as unit:
                    if await unit.first_time(command.event_id):
                        await self.release.within(unit, command.order_id, ReleaseReason.CANCELLED)
            case "shipped":
                async with self.work.begin("inventory.shipped") as unit:
                    if await unit.first_time(command.event_id):
                        await unit.reservations.note_shipped(command.order_id)

    async def _sell(self, command: ApplyOrderStatus) -> None:
        """Sell, or publish StockShort: the order is then cancelled and refunded."""
        try:
            async with self.work.begin("inventory.sell") as unit:
                if await unit.first_time(command.event_id):
                    await self.commit.within(unit, command.order_id)
        except OutOfStock:  # everything above was rolled back
            await self._publish_short(command)
        except ReservationEnded:  # the order was cancelled: its event is under way, or the order service answered so
            _count("ended", command.order_id)
        except NoReservation:
            _count("unknown", command.order_id)

    async def sell_again(self, command: ApplyOrderStatus) -> None:
        """Sells what an order was confirmed for, whether or not its event was applied before.

        An event that arrives later finds its work done. That stock is short is published once an event.
        """
        try:
            async with self.work.begin("inventory.sell_again") as unit:
                await unit.first_time(command.event_id)
                await self.commit.within(unit, command.order_id)
        except OutOfStock:  # everything above was rolled back
            await self._publish_short(command)

    async def _publish_short(self, command: ApplyOrderStatus) -> None:
        async with self.work.begin("inventory.publish_short") as unit:
            if not await unit.first_time(command.event_id):
                return
            reservation = await unit.reservations.lock(command.order_id)
            await unit.publish(StockShort(command.order_id, quantities(reservation.lines)))
        _count("short", command.order_id)


def _count(why: str, order_id: UUID) -> None:
    _refused.labels(why).inc()
    _log.warning("sale_refused", order_id=str(order_id), why=why)
