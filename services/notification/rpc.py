"""Protobuf ↔ commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from argosy.notification.v1 import notification_pb2
from services.chassis import clock, ids, paging
from services.chassis.call import Call
from services.notification.domain import Preference
from services.notification.store import Message
from services.notification.use_cases.keep_preferences import KeepPreferences
from services.notification.use_cases.list_notifications import ListNotifications


@dataclass(frozen=True)
class NotificationRpc:
    """argosy.notification.v1.NotificationService."""

    list_notifications: ListNotifications
    preferences: KeepPreferences

    async def ListNotifications(
        self, request: notification_pb2.ListNotificationsRequest, call: Call
    ) -> notification_pb2.ListNotificationsResponse:
        messages, last = await self.list_notifications(
            UUID(call.user().id), _before(request.page_token), paging.page_size(request.page_size)
        )
        return notification_pb2.ListNotificationsResponse(
            notifications=[_notification(message) for message in messages],
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def GetPreferences(
        self, request: notification_pb2.GetPreferencesRequest, call: Call
    ) -> notification_pb2.Preferences:
        return _preferences(await self.preferences.of(UUID(call.user().id)))

    async def UpdatePreferences(
        self, request: notification_pb2.UpdatePreferencesRequest, call: Call
    ) -> notification_pb2.Preferences:
        said = [(change.kind, change.email) for change in request.preferences]
        return _preferences(await self.preferences.change(UUID(call.user().id), said))


def _preferences(found: Iterable[Preference]) -> notification_pb2.Preferences:
    answer = notification_pb2.Preferences()
    for each in found:
        answer.preferences.add(kind=each.kind, email=each.email, required=each.kind.is_required)
    return answer


def _before(page_token: str) -> UUID | None:
    key = paging.decode_page_token(page_token, parts=1)
    try:
        return ids.parse_id(key[0]) if key else None
    except ValueError:
        raise paging.bad_page_token() from None


def _notification(message: Message) -> notification_pb2.Notification:
    return notification_pb2.Notification(
        id=str(message.id),
        type=message.type,
        channel=message.channel,
        subject=message.subject,
        order_id=str(message.order_id) if message.order_id else None,
        status=message.status,
        created_at=clock.to_message(message.created_at),
        sent_at=clock.to_message(message.sent_at) if message.sent_at else None,
    )
