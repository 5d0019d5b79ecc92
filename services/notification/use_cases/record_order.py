"""Store an order's summary, so that messages can list its items."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.crash_points import reach
from services.notification.domain.messages import OrderSummary
from services.notification.ports import Work


@dataclass(frozen=True)
class RecordOrder:
    """The order."""

    order_id: UUID
    order: OrderSummary


@dataclass(frozen=True)
class RecordOrderHandler:
    """Stores summaries of orders."""

    work: Work

    async def __call__(self, command: RecordOrder) -> None:
        """Stores the summary, once per order. It never changes, so it needs no inbox."""
        async with self.work.read() as unit:  # one statement needs no transaction, hence points by hand
            reach("notification.order.before_commit")
            await unit.orders.keep(command.order_id, command.order)
        reach("notification.order.committed")
