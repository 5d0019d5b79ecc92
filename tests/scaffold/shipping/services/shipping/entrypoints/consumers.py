"""Events of other services → commands. Consumer group: shipping-service-group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis.bus.events import Event
from services.chassis.bus.handling import Handler
from services.shipping.use_cases.apply_order_status_updated import (
    ApplyOrderStatusUpdated,
    ApplyOrderStatusUpdatedHandler,
)


@dataclass(frozen=True)
class Consumers:
    """The handlers' use cases."""

    apply_order_status_updated: ApplyOrderStatusUpdatedHandler

    def handlers(self) -> Mapping[str, Handler]:
        """Event type → handler."""
        return {"ORDER_STATUS_UPDATED": self._order_status_updated}

    async def _order_status_updated(self, event: Event) -> None:
        moved = cast(OrderStatusUpdated, event.message)
        command = ApplyOrderStatusUpdated(event.id, UUID(moved.order_id), UUID(moved.user_id), moved.status, event.time)
        await self.apply_order_status_updated(command)
