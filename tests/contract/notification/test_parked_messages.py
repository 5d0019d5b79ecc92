"""ListParkedMessages, RetryParkedMessage: for the staff alone."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import grpc
import pytest

from argosy.notification.v1 import notification_pb2, notification_pb2_grpc
from tests.contract.support import (
    SignedIn,
    fields,
    others_than_staff,
    refused,
    sign_up,
    sign_up_staff,
)
from tests.support.parked import park_messages_of
from tests.support.real_stack import RealStack
from tests.support.shop import until

Stub = notification_pb2_grpc.NotificationServiceStub
List = notification_pb2.ListParkedMessagesRequest
Retry = notification_pb2.RetryParkedMessageRequest


@pytest.fixture(scope="module")
async def notifications(stack: RealStack) -> AsyncIterator[Stub]:
    async with grpc.aio.insecure_channel(stack.grpc_target("notification")) as channel:
        yield Stub(channel)


@pytest.fixture(scope="module")
async def staff(stack: RealStack) -> SignedIn:
    return await sign_up_staff(stack)


async def parked_of(stack: RealStack, notifications: Stub, somebody: SignedIn) -> str:
    """Somebody's welcome, parked."""

    async def statuses() -> list[str]:
        request = notification_pb2.ListNotificationsRequest()
        page = await notifications.ListNotifications(request, metadata=somebody.metadata)
        return [message.status for message in page.notifications]

    await until(statuses, lambda found: found == ["sent"], "the welcome")
    (parked,) = await park_messages_of(stack, somebody.id)
    return str(parked)


async def everything(notifications: Stub, staff: SignedIn, size: int) -> list[notification_pb2.ParkedMessage]:
    found, token = [], ""
    while True:
        request = List(page_size=size, page_token=token)
        page = await notifications.ListParkedMessages(request, metadata=staff.metadata)
        found += page.messages
        token = page.next_page_token
        if not token:
            return found


async def test_parked_mails_are_listed_until_they_are_scheduled(
    stack: RealStack, notifications: Stub, staff: SignedIn
) -> None:
    people = [await sign_up(stack) for _ in range(3)]
    ids = [await parked_of(stack, notifications, person) for person in people]
    listed: list[notification_pb2.ParkedMessage] = []
    for size in (1, 2, 100):
        listed = [message for message in await everything(notifications, staff, size) if message.id in ids]
        assert [message.id for message in listed] == sorted(ids)
    first = next(message for message in listed if message.id == ids[0])
    assert (first.type, first.user_id, first.attempts) == ("welcome", people[0].id, 10)
    assert first.error == "SMTPServerDisconnected"
    assert not first.HasField("order_id")

    await notifications.RetryParkedMessage(Retry(id=ids[0]), metadata=staff.metadata)

    assert ids[0] not in {message.id for message in await everything(notifications, staff, 100)}
    for unknown in (ids[0], str(uuid.uuid4())):
        refusal = await refused(notifications.RetryParkedMessage(Retry(id=unknown), metadata=staff.metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_PARKED")
    for other in ids[1:]:
        await notifications.RetryParkedMessage(Retry(id=other), metadata=staff.metadata)


async def test_nobody_else_lists_or_schedules_them(stack: RealStack, notifications: Stub, staff: SignedIn) -> None:
    somebody = await sign_up(stack)
    parked = await parked_of(stack, notifications, somebody)
    for who, metadata in others_than_staff(stack, staff, somebody).items():
        for call in (
            notifications.ListParkedMessages(List(), metadata=metadata),
            notifications.RetryParkedMessage(Retry(id=parked), metadata=metadata),
        ):
            refusal = await refused(call)
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who
    assert parked in {message.id for message in await everything(notifications, staff, 100)}
    await notifications.RetryParkedMessage(Retry(id=parked), metadata=staff.metadata)


async def test_what_cannot_be_is_refused(notifications: Stub, staff: SignedIn) -> None:
    for call, field in (
        (notifications.ListParkedMessages(List(page_size=-1), metadata=staff.metadata), "pageSize"),
        (notifications.ListParkedMessages(List(page_token="nonsense"), metadata=staff.metadata), "pageToken"),
        (notifications.RetryParkedMessage(Retry(id="m-1"), metadata=staff.metadata), "id"),
    ):
        refusal = await refused(call)
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
