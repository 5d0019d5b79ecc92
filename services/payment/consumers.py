"""What the service does about what it hears on the bus. Group: payment-service-group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis import inbox
from services.chassis.events import Event
from services.chassis.postgres import Postgres
from services.payment.recorder import Recorder
from services.payment.use_cases.end_order import EndOrder

GROUP = "payment-service-group"


def handlers(postgres: Postgres, recorder: Recorder) -> Mapping[str, Callable[[Event], Awaitable[None]]]:
    """Event type → handler."""
    end_order = EndOrder(recorder)

    async def order_status_updated(event: Event) -> None:
        update = event.message
        assert isinstance(update, OrderStatusUpdated)  # noqa: S101 - the registry's class for this type
        if update.status != "cancelled":
            return
        async with postgres.transaction("payment.end_order") as connection:
            if await inbox.first_time(connection, GROUP, event.id):
                await end_order(connection, UUID(update.order_id))
        recorder.work.set()

    return {"ORDER_STATUS_UPDATED": order_status_updated}
