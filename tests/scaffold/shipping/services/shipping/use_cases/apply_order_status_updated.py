"""Apply ORDER_STATUS_UPDATED of the order service: a confirmed order is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.shipping.domain.facts import ShipmentCreated
from services.shipping.domain.shipments import Shipment
from services.shipping.ports import Work

CONFIRMED = "confirmed"


@dataclass(frozen=True)
class ApplyOrderStatusUpdated:
    """What the event says."""

    event_id: UUID
    order_id: UUID
    user_id: UUID
    status: str
    at: datetime


@dataclass(frozen=True)
class ApplyOrderStatusUpdatedHandler:
    """Applies each event once. An order has one shipment, under the order's id."""

    work: Work

    async def __call__(self, command: ApplyOrderStatusUpdated) -> None:
        """Makes the shipment of a confirmed order and publishes it; other states change nothing."""
        if command.status != CONFIRMED:
            return
        async with self.work.begin("shipping.order_status_updated") as unit:
            if not await unit.first_time(command.event_id):
                return
            await unit.shipments.add(Shipment(command.order_id, command.user_id, command.at))
            await unit.publish(ShipmentCreated(command.order_id))
