"""ListNotifications: everyone sees what was sent to them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import grpc
import pytest

from argosy.notification.v1 import notification_pb2, notification_pb2_grpc
from tests.contract.support import SignedIn, bad_tokens, bearer, contents, fields, refused, service_token, sign_up
from tests.support.real_stack import RealStack
from tests.support.shop import until

Stub = notification_pb2_grpc.NotificationServiceStub
Request = notification_pb2.ListNotificationsRequest
WELCOME = "Welcome! Please verify your email address"


@pytest.fixture(scope="module")
async def notifications(stack: RealStack) -> AsyncIterator[Stub]:
    async with grpc.aio.insecure_channel(stack.grpc_target("notification")) as channel:
        yield Stub(channel)


@pytest.fixture(scope="module")
async def ada(stack: RealStack) -> SignedIn:
    """Somebody to whom five messages were sent after the one that welcomed them."""
    ada = await sign_up(stack)
    connection = await asyncpg.connect(stack.postgres_url("notification"))

    async def welcomed() -> bool:
        found = await connection.fetchval("SELECT status FROM messages WHERE user_id = $1", uuid.UUID(ada.id))
        return bool(found == "sent")

    try:
        await until(welcomed, bool, "the welcome")
        await connection.executemany(
            "INSERT INTO messages (id, user_id, event_id, channel, type, subject, order_id, data, status, sent_at)"
            " VALUES (uuidv7(), $1, $2, 'email', 'order_confirmed', $3, $4, '{}', 'sent', now())",
            [(uuid.UUID(ada.id), uuid.uuid4(), f"number {number}", uuid.uuid4()) for number in range(5)],
        )
    finally:
        await connection.close()
    return ada


async def test_the_edge_serves_the_list_over_grpc(stack: RealStack, ada: SignedIn) -> None:
    async with grpc.aio.insecure_channel(stack.edge_target) as channel:
        found = await Stub(channel).ListNotifications(Request(page_size=1), metadata=ada.metadata)
    assert [message.subject for message in found.notifications] == ["number 4"]


async def test_newest_first_a_page_at_a_time(notifications: Stub, ada: SignedIn) -> None:
    first = await notifications.ListNotifications(Request(page_size=3), metadata=ada.metadata)
    assert [message.subject for message in first.notifications] == ["number 4", "number 3", "number 2"]
    second = await notifications.ListNotifications(
        Request(page_size=3, page_token=first.next_page_token), metadata=ada.metadata
    )
    assert [message.subject for message in second.notifications] == ["number 1", "number 0", WELCOME]
    assert second.next_page_token == ""
    message = first.notifications[0]
    assert (message.type, message.channel, message.status) == ("order_confirmed", "email", "sent")
    assert message.HasField("sent_at")
    uuid.UUID(message.order_id)  # raises when it is none


async def test_others_see_nothing_of_it(notifications: Stub, stack: RealStack, ada: SignedIn) -> None:
    page = await notifications.ListNotifications(Request(page_size=3), metadata=ada.metadata)
    bob = await sign_up(stack)
    for request in (Request(), Request(page_token=page.next_page_token)):
        seen = (await notifications.ListNotifications(request, metadata=bob.metadata)).notifications
        assert {message.subject for message in seen} <= {WELCOME}
        assert not {message.id for message in seen} & {message.id for message in page.notifications}


async def test_who_is_not_signed_in_is_refused(notifications: Stub, stack: RealStack, ada: SignedIn) -> None:
    hers = f"(SELECT * FROM messages WHERE user_id = '{ada.id}')"  # others are being welcomed meanwhile
    before = await contents(stack, "notification", [hers])
    tokens = {**bad_tokens(stack, ada.id), "a service's": service_token(stack, "order")}
    for what, metadata in {"nobody": (), **{what: bearer(token) for what, token in tokens.items()}}.items():
        refusal = await refused(notifications.ListNotifications(Request(), metadata=metadata))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
    assert await contents(stack, "notification", [hers]) == before


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request(page_size=-1), "pageSize"),
        (Request(page_token="nonsense"), "pageToken"),
        (Request(page_token="WyJub3QgYSB1dWlkIl0"), "pageToken"),
    ],
)
async def test_what_is_wrong_is_named(notifications: Stub, ada: SignedIn, request_: Request, field: str) -> None:
    refusal = await refused(notifications.ListNotifications(request_, metadata=ada.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert fields(refusal) == [field]
