"""Events of other services → commands. Consumer group: inventory-service-group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis.bus.events import Event
from services.chassis.bus.handling import Handler
from services.inventory.use_cases.apply_order_status import ApplyOrderStatus, ApplyOrderStatusHandler


def handlers(apply_order_status: ApplyOrderStatusHandler) -> Mapping[str, Handler]:
    """Event type → handler."""

    async def order_status_updated(event: Event) -> None:
        update = cast(OrderStatusUpdated, event.message)
        await apply_order_status(ApplyOrderStatus(event.id, UUID(update.order_id), update.status))

    return {"ORDER_STATUS_UPDATED": order_status_updated}
