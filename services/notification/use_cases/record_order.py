"""Store an order's summary, so that messages can list its items."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.notification.domain.messages import OrderSummary
from services.notification.ports import Work


@dataclass(frozen=True)
class RecordOrder:
    """The order, and the event."""

    event_id: UUID
    order_id: UUID
    order: OrderSummary


@dataclass(frozen=True)
class RecordOrderHandler:
    """Stores summaries of orders."""

    work: Work

    async def __call__(self, command: RecordOrder) -> None:
        """Stores the summary, once per event."""
        async with self.work.begin("notification.order") as unit:
            if await unit.first_time(command.event_id):
                await unit.orders.keep(command.order_id, command.order)
