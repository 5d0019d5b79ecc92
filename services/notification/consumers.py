"""What the service does about what it hears on the bus. Group: notification-service-group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderCreated, OrderStatusUpdated
from argosy.event.v1.payment_events_pb2 import PaymentRefunded, PaymentRefundFailed
from argosy.event.v1.user_events_pb2 import (
    EmailVerificationRequested,
    PasswordResetRequested,
    UserCreated,
    UserDeleted,
    UserUpdated,
)
from services.chassis.events import Event
from services.chassis.postgres import Postgres
from services.notification import store
from services.notification.domain import Kind, kind_of_order_status, why_cancelled
from services.notification.store import NewMessage, OrderSummary

GROUP = "notification-service-group"

Handler = Callable[[Event], Awaitable[None]]


def handlers(postgres: Postgres) -> Mapping[str, Handler]:
    """Event type → handler. Each may be repeated: an effect that is there already stays as it is."""
    return {**_about_people(postgres), **_about_orders(postgres)}


def _about_people(postgres: Postgres) -> Mapping[str, Handler]:
    async def created(event: Event) -> None:
        await keep_recipient(event, Kind.WELCOME)

    async def updated(event: Event) -> None:
        await keep_recipient(event, Kind.VERIFY_EMAIL)

    async def keep_recipient(event: Event, kind: Kind) -> None:
        user = cast(UserCreated | UserUpdated, event.message)
        async with postgres.transaction() as connection:
            await store.keep_recipient(connection, UUID(user.user_id), user.email, user.name)
            if user.verification_id:
                await store.add_message(connection, _with_token(event, user.user_id, kind, user.verification_id))

    async def deleted(event: Event) -> None:
        async with postgres.transaction() as connection:
            await store.forget_recipient(connection, UUID(cast(UserDeleted, event.message).user_id))

    async def reset_requested(event: Event) -> None:
        wish = cast(PasswordResetRequested, event.message)
        async with postgres.transaction() as connection:
            await store.add_message(connection, _with_token(event, wish.user_id, Kind.PASSWORD_RESET, wish.reset_id))

    async def verification_requested(event: Event) -> None:
        wish = cast(EmailVerificationRequested, event.message)
        async with postgres.transaction() as connection:
            await store.add_message(
                connection, _with_token(event, wish.user_id, Kind.VERIFY_EMAIL, wish.verification_id)
            )

    return {
        "USER_CREATED": created,
        "USER_UPDATED": updated,
        "USER_DELETED": deleted,
        "PASSWORD_RESET_REQUESTED": reset_requested,
        "EMAIL_VERIFICATION_REQUESTED": verification_requested,
    }


def _about_orders(postgres: Postgres) -> Mapping[str, Handler]:
    async def order_created(event: Event) -> None:
        created = cast(OrderCreated, event.message)
        items = [{"productId": i.product_id, "quantity": i.quantity, "price": i.price} for i in created.items]
        order = OrderSummary(items, created.total_amount, created.currency)
        async with postgres.transaction() as connection:
            await store.keep_order(connection, UUID(created.order_id), order)

    async def order_moved(event: Event) -> None:
        moved = cast(OrderStatusUpdated, event.message)
        kind = kind_of_order_status(moved.status)
        if kind is None:
            return
        data = {"why": why_cancelled(moved.reason)} if kind is Kind.ORDER_CANCELLED else {}
        await tell(NewMessage(event.id, UUID(moved.user_id), kind, UUID(moved.order_id), data=data))

    async def refunded(event: Event) -> None:
        await tell_of_refund(event, Kind.PAYMENT_REFUNDED)

    async def refund_failed(event: Event) -> None:
        await tell_of_refund(event, Kind.PAYMENT_REFUND_FAILED)

    async def tell_of_refund(event: Event, kind: Kind) -> None:
        refund = cast(PaymentRefunded | PaymentRefundFailed, event.message)
        data = {"amount": refund.amount, "currency": refund.currency}
        await tell(NewMessage(event.id, UUID(refund.user_id), kind, UUID(refund.order_id), data=data))

    async def tell(message: NewMessage) -> None:
        async with postgres.transaction() as connection:
            await store.add_message(connection, message)

    return {
        "ORDER_CREATED": order_created,
        "ORDER_STATUS_UPDATED": order_moved,
        "PAYMENT_REFUNDED": refunded,
        "PAYMENT_REFUND_FAILED": refund_failed,
    }


def _with_token(event: Event, user_id: str, kind: Kind, request_id: str) -> NewMessage:
    return NewMessage(event.id, UUID(user_id), kind, mail_request_id=UUID(request_id))
