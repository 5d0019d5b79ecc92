"""What the service does about what it hears on the bus. Group: notification-service-group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from services.chassis import inbox
from services.chassis.events import Event
from services.chassis.handling import Handler
from services.chassis.postgres import Connection, Postgres
from services.notification import outcomes, store
from services.notification.domain import Kind, kind_of_order_status, why_cancelled
from services.notification.store import NewMessage, OrderSummary

GROUP = "notification-service-group"

Dropped = Sequence[str]
"""The types of messages that will never be sent, because their reader is gone or does not want them."""
Effect = Callable[[Connection, Event], Awaitable[Dropped]]
"""What an event changes, within the transaction that records it as processed; answers what it dropped."""


def handlers(postgres: Postgres) -> Mapping[str, Handler]:
    """Event type → handler. Each event is applied once, however often it comes and whatever came after it."""
    effects = {**_about_people(), **_about_orders()}
    return {event_type: _once(postgres, effect) for event_type, effect in effects.items()}


def _once(postgres: Postgres, effect: Effect) -> Handler:
    async def handle(event: Event) -> None:
        dropped: Dropped = ()
        async with postgres.transaction("notification.take_note") as connection:
            if await inbox.first_time(connection, GROUP, event.id):
                dropped = await effect(connection, event)
        for message_type in dropped:
            outcomes.count(message_type, "dropped")

    return handle


def _about_people() -> Mapping[str, Effect]:
    async def created(connection: Connection, event: Event) -> Dropped:
        return await keep_recipient(connection, event, Kind.WELCOME)

    async def updated(connection: Connection, event: Event) -> Dropped:
        return await keep_recipient(connection, event, Kind.VERIFY_EMAIL)

    async def keep_recipient(connection: Connection, event: Event, kind: Kind) -> Dropped:
        user = cast(UserCreated | UserUpdated, event.message)
        await store.keep_recipient(connection, UUID(user.user_id), user.email, user.name)
        if not user.verification_id:
            return ()
        return await _write(connection, _with_token(event, user.user_id, kind, user.verification_id))

    async def deleted(connection: Connection, event: Event) -> Dropped:
        return await store.forget_recipient(connection, UUID(cast(UserDeleted, event.message).user_id))

    async def reset_requested(connection: Connection, event: Event) -> Dropped:
        wish = cast(PasswordResetRequested, event.message)
        return await _write(connection, _with_token(event, wish.user_id, Kind.PASSWORD_RESET, wish.reset_id))

    async def verification_requested(connection: Connection, event: Event) -> Dropped:
        wish = cast(EmailVerificationRequested, event.message)
        return await _write(connection, _with_token(event, wish.user_id, Kind.VERIFY_EMAIL, wish.verification_id))

    return {
        "USER_CREATED": created,
        "USER_UPDATED": updated,
        "USER_DELETED": deleted,
        "PASSWORD_RESET_REQUESTED": reset_requested,
        "EMAIL_VERIFICATION_REQUESTED": verification_requested,
    }


def _about_orders() -> Mapping[str, Effect]:
    async def order_created(connection: Connection, event: Event) -> Dropped:
        created = cast(OrderCreated, event.message)
        items = [{"productId": i.product_id, "quantity": i.quantity, "price": i.price} for i in created.items]
        order = OrderSummary(items, created.total_amount, created.currency)
        await store.keep_order(connection, UUID(created.order_id), order)
        return ()

    async def order_moved(connection: Connection, event: Event) -> Dropped:
        moved = cast(OrderStatusUpdated, event.message)
        kind = kind_of_order_status(moved.status)
        if kind is None:
            return ()
        data = {"why": why_cancelled(moved.reason)} if kind is Kind.ORDER_CANCELLED else {}
        message = NewMessage(event.id, UUID(moved.user_id), kind, UUID(moved.order_id), data=data)
        return await _write(connection, message)

    async def refunded(connection: Connection, event: Event) -> Dropped:
        return await tell_of_refund(connection, event, Kind.PAYMENT_REFUNDED)

    async def refund_failed(connection: Connection, event: Event) -> Dropped:
        return await tell_of_refund(connection, event, Kind.PAYMENT_REFUND_FAILED)

    async def tell_of_refund(connection: Connection, event: Event, kind: Kind) -> Dropped:
        refund = cast(PaymentRefunded | PaymentRefundFailed, event.message)
        data = {"amount": refund.amount, "currency": refund.currency}
        message = NewMessage(event.id, UUID(refund.user_id), kind, UUID(refund.order_id), data=data)
        return await _write(connection, message)

    return {
        "ORDER_CREATED": order_created,
        "ORDER_STATUS_UPDATED": order_moved,
        "PAYMENT_REFUNDED": refunded,
        "PAYMENT_REFUND_FAILED": refund_failed,
    }


async def _write(connection: Connection, message: NewMessage) -> Dropped:
    return (message.kind,) if await store.add_message(connection, message) else ()


def _with_token(event: Event, user_id: str, kind: Kind, request_id: str) -> NewMessage:
    return NewMessage(event.id, UUID(user_id), kind, mail_request_id=UUID(request_id))
