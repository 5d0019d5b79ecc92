"""Write to an order's owner when it reaches a state that they should hear of."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Postgres
from services.notification import store
from services.notification.domain import notice_of_order, why_cancelled


@dataclass(frozen=True)
class OrderMoved:
    """An order reached a state."""

    event_id: UUID
    order_id: UUID
    user_id: UUID
    status: str
    reason: str


@dataclass(frozen=True)
class TellAboutOrder:
    """Writes the message; the sender takes it from there. Once an event, however often it is asked."""

    postgres: Postgres

    async def __call__(self, moved: OrderMoved) -> None:
        notice = notice_of_order(moved.status)
        if notice is None:
            return
        why = why_cancelled(moved.reason) if moved.status == "cancelled" else ""
        async with self.postgres.transaction() as connection:
            await store.add_message(connection, moved.event_id, moved.user_id, notice, moved.order_id, {"why": why})
