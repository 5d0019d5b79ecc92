"""Events of other services → commands. Consumer group: notification-service-group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from argosy.event.v1.order_events_pb2 import OrderCreated, OrderStatusUpdated
from argosy.event.v1.payment_events_pb2 import PaymentRefunded, PaymentRefundFailed
from argosy.event.v1.user_events_pb2 import (
    EmailChangeRequested,
    EmailVerificationRequested,
    PasswordResetRequested,
    UserCreated,
    UserDeleted,
    UserUpdated,
)
from services.chassis.bus.events import Event
from services.chassis.bus.handling import Handler
from services.notification.domain.messages import Kind, NewMessage, message_of_status
from services.notification.entrypoints.mapping import order_summary
from services.notification.use_cases.forget_recipient import ForgetRecipient, ForgetRecipientHandler
from services.notification.use_cases.record_order import RecordOrder, RecordOrderHandler
from services.notification.use_cases.record_recipient import RecordRecipient, RecordRecipientHandler
from services.notification.use_cases.write_message import WriteMessage, WriteMessageHandler


@dataclass(frozen=True)
class Consumers:
    """The use cases of the handlers. Each event is applied once, however often and in whatever order it arrives."""

    record_recipient: RecordRecipientHandler
    forget_recipient: ForgetRecipientHandler
    record_order: RecordOrderHandler
    write_message: WriteMessageHandler

    def handlers(self) -> Mapping[str, Handler]:
        """Event type → handler."""
        return {
            "USER_CREATED": self._user_created,
            "USER_UPDATED": self._user_updated,
            "USER_DELETED": self._user_deleted,
            "PASSWORD_RESET_REQUESTED": self._reset_requested,
            "EMAIL_VERIFICATION_REQUESTED": self._verification_requested,
            "EMAIL_CHANGE_REQUESTED": self._email_change_requested,
            "ORDER_CREATED": self._order_created,
            "ORDER_STATUS_UPDATED": self._order_moved,
            "PAYMENT_REFUNDED": self._refunded,
            "PAYMENT_REFUND_FAILED": self._refund_failed,
        }

    async def _user_created(self, event: Event) -> None:
        await self._recipient(event, Kind.WELCOME, name="")  # the address is not verified

    async def _user_updated(self, event: Event) -> None:
        user = cast(UserUpdated, event.message)
        await self._recipient(event, Kind.VERIFY_EMAIL, user.name if user.email_verified else "")

    async def _recipient(self, event: Event, kind: Kind, name: str) -> None:
        user = cast(UserCreated | UserUpdated, event.message)
        verification_id = UUID(user.verification_id) if user.verification_id else None
        await self.record_recipient(
            RecordRecipient(event.id, UUID(user.user_id), user.email, name, kind, verification_id)
        )

    async def _user_deleted(self, event: Event) -> None:
        user = cast(UserDeleted, event.message)
        await self.forget_recipient(ForgetRecipient(event.id, UUID(user.user_id)))

    async def _reset_requested(self, event: Event) -> None:
        reset = cast(PasswordResetRequested, event.message)
        await self._with_token(event, reset.user_id, Kind.PASSWORD_RESET, reset.reset_id)

    async def _verification_requested(self, event: Event) -> None:
        request = cast(EmailVerificationRequested, event.message)
        await self._with_token(event, request.user_id, Kind.VERIFY_EMAIL, request.verification_id)

    async def _email_change_requested(self, event: Event) -> None:
        change = cast(EmailChangeRequested, event.message)
        await self._with_token(event, change.user_id, Kind.EMAIL_CHANGE, change.undo_id)

    async def _with_token(self, event: Event, user_id: str, kind: Kind, request_id: str) -> None:
        await self._write(NewMessage(event.id, UUID(user_id), kind, mail_request_id=UUID(request_id)))

    async def _order_created(self, event: Event) -> None:
        created = cast(OrderCreated, event.message)
        await self.record_order(RecordOrder(UUID(created.order_id), order_summary(created)))

    async def _order_moved(self, event: Event) -> None:
        moved = cast(OrderStatusUpdated, event.message)
        message = message_of_status(event.id, UUID(moved.user_id), UUID(moved.order_id), moved.status, moved.reason)
        if message is not None:
            await self._write(message)

    async def _refunded(self, event: Event) -> None:
        await self._refund(event, Kind.PAYMENT_REFUNDED)

    async def _refund_failed(self, event: Event) -> None:
        await self._refund(event, Kind.PAYMENT_REFUND_FAILED)

    async def _refund(self, event: Event, kind: Kind) -> None:
        refund = cast(PaymentRefunded | PaymentRefundFailed, event.message)
        data = {"amount": refund.amount, "currency": refund.currency}
        await self._write(NewMessage(event.id, UUID(refund.user_id), kind, UUID(refund.order_id), data=data))

    async def _write(self, message: NewMessage) -> None:
        await self.write_message(WriteMessage(message))
