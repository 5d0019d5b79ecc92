"""Converts requests to commands and results to protobuf. No decisions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from argosy.deadletter.v1.dead_letter_pb2 import ListDeadLettersResponse, RedriveDeadLetterResponse
from argosy.notification.v1 import notification_pb2
from argosy.reconciliation.v1.drift_pb2 import ListDriftsResponse
from services.chassis.data import paging
from services.chassis.plain import ids
from services.chassis.rpc.call import Call
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.notification.entrypoints import mapping
from services.notification.use_cases.change_preferences import ChangePreferences, ChangePreferencesHandler
from services.notification.use_cases.get_preferences import GetPreferences, GetPreferencesHandler
from services.notification.use_cases.list_notifications import ListNotifications, ListNotificationsHandler
from services.notification.use_cases.list_parked import ListParked, ListParkedHandler
from services.notification.use_cases.retry_parked import NotParked, RetryParked, RetryParkedHandler


@dataclass(frozen=True)
class NotificationRpc:
    """argosy.notification.v1.NotificationService."""

    list_notifications: ListNotificationsHandler
    get_preferences: GetPreferencesHandler
    change_preferences: ChangePreferencesHandler
    list_parked: ListParkedHandler
    retry_parked: RetryParkedHandler
    list_drifts: ListDrifts
    dead_letters: DeadLetters

    async def ListNotifications(
        self, request: notification_pb2.ListNotificationsRequest, call: Call
    ) -> notification_pb2.ListNotificationsResponse:
        """A page of the caller's messages, newest first."""
        command = ListNotifications(
            UUID(call.user().id), _last_of(request.page_token), paging.page_size(request.page_size)
        )
        messages, last = await self.list_notifications(command)
        return notification_pb2.ListNotificationsResponse(
            notifications=map(mapping.notification_message, messages),
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def GetPreferences(
        self, request: notification_pb2.GetPreferencesRequest, call: Call
    ) -> notification_pb2.Preferences:
        """Every kind of message, and whether the caller wants it."""
        return mapping.preferences_message(await self.get_preferences(GetPreferences(UUID(call.user().id))))

    async def UpdatePreferences(
        self, request: notification_pb2.UpdatePreferencesRequest, call: Call
    ) -> notification_pb2.Preferences:
        """Changes the kinds that are present."""
        stated = [(change.kind, change.email) for change in request.preferences]
        command = ChangePreferences(UUID(call.user().id), stated)
        return mapping.preferences_message(await self.change_preferences(command))

    async def ListParkedMessages(
        self, request: notification_pb2.ListParkedMessagesRequest, call: Call
    ) -> notification_pb2.ListParkedMessagesResponse:
        """A page of parked messages, oldest first."""
        command = ListParked(paging.page_size(request.page_size), _last_of(request.page_token) or ids.NIL)
        messages, last = await self.list_parked(command)
        return notification_pb2.ListParkedMessagesResponse(
            messages=map(mapping.parked_message, messages),
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def RetryParkedMessage(
        self, request: notification_pb2.RetryParkedMessageRequest, call: Call
    ) -> notification_pb2.RetryParkedMessageResponse:
        """Schedules a parked message again."""
        if not await self.retry_parked(RetryParked([UUID(request.id)], call.user().id)):
            raise NotParked
        return notification_pb2.RetryParkedMessageResponse()

    async def ListMessageDrifts(
        self, request: notification_pb2.ListMessageDriftsRequest, call: Call
    ) -> ListDriftsResponse:
        """What reconciliation found."""
        return await self.list_drifts(request.page_size, request.page_token)

    async def ListMessageDeadLetters(
        self, request: notification_pb2.ListMessageDeadLettersRequest, call: Call
    ) -> ListDeadLettersResponse:
        """The events that this service could not handle."""
        return await self.dead_letters.list(request.page_size, request.page_token)

    async def RedriveMessageDeadLetter(
        self, request: notification_pb2.RedriveMessageDeadLetterRequest, call: Call
    ) -> RedriveDeadLetterResponse:
        """Handles one of them again."""
        return await self.dead_letters.redrive(request.id, call.user().id)


def _last_of(page_token: str) -> UUID | None:
    key = paging.decode_page_token(page_token, parts=1)
    try:
        return ids.parse_id(key[0]) if key else None
    except ValueError:
        raise paging.bad_page_token() from None
