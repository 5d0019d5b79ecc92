"""What the service does about what it hears on the bus. Group: notification-service-group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderCreated, OrderStatusUpdated
from argosy.event.v1.user_events_pb2 import UserCreated, UserDeleted, UserUpdated
from services.chassis.events import Event
from services.chassis.postgres import Postgres
from services.notification import store
from services.notification.store import OrderSummary
from services.notification.use_cases.tell_about_order import OrderMoved, TellAboutOrder

GROUP = "notification-service-group"

Handler = Callable[[Event], Awaitable[None]]


def handlers(postgres: Postgres, tell_about_order: TellAboutOrder) -> Mapping[str, Handler]:
    """Event type → handler. Each may be repeated: an effect that is there already stays as it is."""

    async def keep_recipient(event: Event) -> None:
        user = cast(UserCreated | UserUpdated, event.message)
        async with postgres.transaction() as connection:
            await store.keep_recipient(connection, UUID(user.user_id), user.email, user.name)

    async def forget_recipient(event: Event) -> None:
        async with postgres.transaction() as connection:
            await store.forget_recipient(connection, UUID(cast(UserDeleted, event.message).user_id))

    async def keep_order(event: Event) -> None:
        created = cast(OrderCreated, event.message)
        items = [{"productId": i.product_id, "quantity": i.quantity, "price": i.price} for i in created.items]
        order = OrderSummary(items, created.total_amount, created.currency)
        async with postgres.transaction() as connection:
            await store.keep_order(connection, UUID(created.order_id), order)

    async def order_moved(event: Event) -> None:
        moved = cast(OrderStatusUpdated, event.message)
        await tell_about_order(
            OrderMoved(event.id, UUID(moved.order_id), UUID(moved.user_id), moved.status, moved.reason)
        )

    return {
        "USER_CREATED": keep_recipient,
        "USER_UPDATED": keep_recipient,
        "USER_DELETED": forget_recipient,
        "ORDER_CREATED": keep_order,
        "ORDER_STATUS_UPDATED": order_moved,
    }
