"""What the service does about what it hears on the bus. Group: inventory-service-group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis import inbox
from services.chassis.events import Event
from services.chassis.postgres import Connection, Postgres
from services.inventory import store
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.sell_confirmed import SellConfirmed

GROUP = "inventory-service-group"

Step = Callable[[Connection, UUID], Awaitable[object]]


def handlers(
    postgres: Postgres, sell: SellConfirmed, release: ReleaseReservation
) -> Mapping[str, Callable[[Event], Awaitable[None]]]:
    """Event type → handler."""
    steps: Mapping[str, Step] = {"cancelled": release, "shipped": store.note_shipped}

    async def order_status_updated(event: Event) -> None:
        update = cast(OrderStatusUpdated, event.message)
        if update.status == "confirmed":
            await sell(GROUP, event.id, UUID(update.order_id))
        elif update.status in steps:
            await once(event.id, UUID(update.order_id), steps[update.status])

    async def once(event_id: UUID, order_id: UUID, step: Step) -> None:
        async with postgres.transaction("inventory.take_note") as connection:
            if await inbox.first_time(connection, GROUP, event_id):
                await step(connection, order_id)

    return {"ORDER_STATUS_UPDATED": order_status_updated}
