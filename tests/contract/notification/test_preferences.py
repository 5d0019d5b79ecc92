"""GetPreferences, UpdatePreferences: everyone reads and changes their own preferences only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from argosy.notification.v1 import notification_pb2, notification_pb2_grpc
from tests.contract.support import SignedIn, bad_tokens, bearer, contents, fields, refused, service_token, sign_up
from tests.support.real_stack import RealStack

Stub = notification_pb2_grpc.NotificationServiceStub
Get = notification_pb2.GetPreferencesRequest
Update = notification_pb2.UpdatePreferencesRequest
Change = notification_pb2.PreferenceChange
GOOD = Change(kind="order_shipped", email=False)
REQUIRED = ["welcome", "verify_email", "password_reset", "email_change"]
OPTIONAL = ["order_confirmed", "order_cancelled", "order_shipped", "payment_refunded", "payment_refund_failed"]


@pytest.fixture(scope="module")
async def notifications(stack: RealStack) -> AsyncIterator[Stub]:
    async with grpc.aio.insecure_channel(stack.grpc_target("notification")) as channel:
        yield Stub(channel)


@pytest.fixture(scope="module")
async def ada(stack: RealStack) -> SignedIn:
    return await sign_up(stack)


def off(found: notification_pb2.Preferences) -> list[str]:
    return [each.kind for each in found.preferences if not each.email]


async def test_all_mails_are_wanted_by_default(notifications: Stub, stack: RealStack) -> None:
    person, other = await sign_up(stack), await sign_up(stack)
    first = await notifications.GetPreferences(Get(), metadata=person.metadata)
    assert [each.kind for each in first.preferences] == REQUIRED + OPTIONAL
    assert [each.kind for each in first.preferences if each.required] == REQUIRED
    assert off(first) == []
    request = Update(preferences=[Change(kind="order_shipped", email=False), Change(kind="welcome", email=True)])
    changed = await notifications.UpdatePreferences(request, metadata=person.metadata)
    assert off(changed) == ["order_shipped"]
    assert await notifications.GetPreferences(Get(), metadata=person.metadata) == changed
    assert off(await notifications.GetPreferences(Get(), metadata=other.metadata)) == []


async def test_who_is_not_signed_in_is_refused(notifications: Stub, stack: RealStack, ada: SignedIn) -> None:
    before = await contents(stack, "notification", ["preferences"])
    request = Update(preferences=[Change(kind="order_shipped", email=False)])
    tokens = {**bad_tokens(stack, ada.id), "a service's": service_token(stack, "order")}
    for what, metadata in {"nobody": (), **{what: bearer(token) for what, token in tokens.items()}}.items():
        for call in (
            notifications.GetPreferences(Get(), metadata=metadata),
            notifications.UpdatePreferences(request, metadata=metadata),
        ):
            refusal = await refused(call)
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
    assert await contents(stack, "notification", ["preferences"]) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ([], "preferences"),
        ([GOOD] * 101, "preferences"),
        ([Change(email=False)], "preferences[0].kind"),
        ([Change(kind="order_shipped")], "preferences[0].email"),
        ([Change(kind="order_shipped", email=False), Change(kind="newsletter", email=True)], "preferences[1].kind"),
        (
            [Change(kind="order_shipped", email=False), Change(kind="password_reset", email=False)],
            "preferences[1].email",
        ),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    notifications: Stub, stack: RealStack, ada: SignedIn, changes: list[Change], field: str
) -> None:
    before = await contents(stack, "notification", ["preferences"])
    refusal = await refused(notifications.UpdatePreferences(Update(preferences=changes), metadata=ada.metadata))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert await contents(stack, "notification", ["preferences"]) == before
