"""Sell what a confirmed order holds. What cannot be sold is an outcome, which the others hear of, and no failure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter

from argosy.event.v1.inventory_events_pb2 import StockShort
from services.chassis import inbox, outbox
from services.chassis.metrics import show_from_the_start
from services.chassis.postgres import Postgres
from services.inventory import store
from services.inventory.domain import NoReservation, OutOfStock, ReservationEnded
from services.inventory.events import stock_lines
from services.inventory.use_cases.commit_reservation import CommitReservation

_refused = Counter(
    "argosy_inventory_sales_refused_total",
    "Confirmed orders whose stock was not sold: short (its hold had ended, and too little was left: it is cancelled),"
    " ended (it was cancelled meanwhile) or unknown (it has no reservation).",
    ["why"],
)
show_from_the_start(_refused, ("short", "ended", "unknown"))
_log = structlog.get_logger()


@dataclass(frozen=True)
class SellConfirmed:
    """Takes effect of an order's confirmation, once an event."""

    postgres: Postgres
    commit: CommitReservation

    async def __call__(self, consumer: str, event_id: UUID, order_id: UUID) -> None:
        """Sell, or say that stock is short, whereupon the order is cancelled and its money goes back."""
        try:
            async with self.postgres.transaction() as connection:
                if await inbox.first_time(connection, consumer, event_id):
                    await self.commit(connection, order_id)
        except OutOfStock:  # all of that was rolled back
            await self._tell_short(consumer, event_id, order_id)
        except ReservationEnded:  # the event that says so is on its way, or the order service said so itself
            _count("ended", order_id)
        except NoReservation:
            _count("unknown", order_id)

    async def _tell_short(self, consumer: str, event_id: UUID, order_id: UUID) -> None:
        async with self.postgres.transaction() as connection:
            if not await inbox.first_time(connection, consumer, event_id):
                return
            reservation = await store.lock(connection, order_id)
            event = StockShort(order_id=str(order_id), items=stock_lines(reservation.lines))
            await outbox.publish(connection, event, key=str(order_id), subject=str(order_id))
        _count("short", order_id)


def _count(why: str, order_id: UUID) -> None:
    _refused.labels(why).inc()
    _log.warning("sale_refused", order_id=str(order_id), why=why)
