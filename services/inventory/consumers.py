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
from services.inventory.use_cases.commit_reservation import CommitReservation
from services.inventory.use_cases.release_reservation import ReleaseReservation

GROUP = "inventory-service-group"

Step = Callable[[Connection, UUID], Awaitable[object]]


def handlers(
    postgres: Postgres, commit: CommitReservation, release: ReleaseReservation
) -> Mapping[str, Callable[[Event], Awaitable[None]]]:
    """Event type → handler."""
    steps: Mapping[str, Step] = {"confirmed": commit, "cancelled": release, "shipped": store.note_shipped}

    async def order_status_updated(event: Event) -> None:
        update = cast(OrderStatusUpdated, event.message)
        step = steps.get(update.status)
        if step is None:
            return
        async with postgres.transaction() as connection:
            if await inbox.first_time(connection, GROUP, event.id):
                await step(connection, UUID(update.order_id))

    return {"ORDER_STATUS_UPDATED": order_status_updated}
