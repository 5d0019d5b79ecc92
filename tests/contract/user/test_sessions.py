"""Logout, ListSessions, RevokeSession: a session that ended is useless, in every service."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest

from argosy.order.v1 import order_pb2, order_pb2_grpc
from argosy.payment.v1 import payment_pb2, payment_pb2_grpc
from argosy.user.v1 import user_pb2, user_pb2_grpc
from tests.contract.support import PASSWORD, Metadata, SignedIn, bad_tokens, bearer, fields, refused
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub
PATIENCE_SECONDS = 60.0
"""For a machine with much else to do; on a quiet one it takes a fraction of a second."""


async def signed_in_again(users: Stub, person: SignedIn, app: str = "mobile-app") -> SignedIn:
    request = user_pb2.LoginRequest(email=person.email, password=PASSWORD)
    answer = await users.Login(request, metadata=(("x-client-app", app),))
    return SignedIn(person.id, person.email, answer.token)


async def sessions_of(users: Stub, metadata: Metadata) -> list[user_pb2.Session]:
    return list((await users.ListSessions(user_pb2.ListSessionsRequest(), metadata=metadata)).sessions)


async def assert_ended(call: grpc.aio.UnaryUnaryCall) -> None:
    refusal = await refused(call)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@pytest.fixture
async def elsewhere(stack: RealStack) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """Channels to the services that know people by their tokens alone."""
    channels = {name: grpc.aio.insecure_channel(stack.grpc_target(name)) for name in ("order", "payment")}
    yield channels
    for channel in channels.values():
        await channel.close()


async def test_who_logs_out_is_out_everywhere_and_nowhere_else(
    users: Stub, somebody: SignedIn, elsewhere: dict[str, grpc.aio.Channel]
) -> None:
    other = await signed_in_again(users, somebody)
    await users.Logout(user_pb2.LogoutRequest(), metadata=somebody.metadata)
    await assert_ended(users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=somebody.metadata))
    await assert_ended(users.Logout(user_pb2.LogoutRequest(), metadata=somebody.metadata))

    def call(name: str, who: SignedIn) -> grpc.aio.UnaryUnaryCall:
        channel = elsewhere[name]
        if name == "order":
            return order_pb2_grpc.OrderServiceStub(channel).ListOrders(
                order_pb2.ListOrdersRequest(), metadata=who.metadata
            )
        return payment_pb2_grpc.PaymentServiceStub(channel).GetPayment(
            payment_pb2.GetPaymentRequest(id=str(uuid.uuid4())), metadata=who.metadata
        )

    for name in elsewhere:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await code_of(call(name, somebody)) is not grpc.StatusCode.UNAUTHENTICATED:
                await asyncio.sleep(0.1)
        assert await code_of(call(name, other)) in (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND)
    assert (await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=other.metadata)).id == somebody.id


async def code_of(call: grpc.aio.UnaryUnaryCall) -> grpc.StatusCode:
    code = await call.code()
    assert isinstance(code, grpc.StatusCode)
    return code


async def test_open_sessions_are_listed(users: Stub, somebody: SignedIn) -> None:
    phone = await signed_in_again(users, somebody)
    on_phone, at_desk = await sessions_of(users, phone.metadata)
    assert (on_phone.client_app, on_phone.current, at_desk.client_app, at_desk.current) == (
        "mobile-app",
        True,
        "web-app",
        False,
    )
    assert "grpc-python" in on_phone.user_agent
    assert on_phone.ip_address
    assert on_phone.created_at.seconds < on_phone.expires_at.seconds
    page = await users.ListSessions(user_pb2.ListSessionsRequest(page_size=1), metadata=somebody.metadata)
    assert [session.id for session in page.sessions] == [on_phone.id]
    request = user_pb2.ListSessionsRequest(page_size=1, page_token=page.next_page_token)
    rest = await users.ListSessions(request, metadata=somebody.metadata)
    assert ([session.id for session in rest.sessions], rest.next_page_token) == ([at_desk.id], "")


async def test_one_session_is_revoked_from_another_as_often_as_one_likes(users: Stub, somebody: SignedIn) -> None:
    phone = await signed_in_again(users, somebody)
    [lost] = [session for session in await sessions_of(users, somebody.metadata) if not session.current]
    for name in (lost.id, lost.id.upper()):
        await users.RevokeSession(user_pb2.RevokeSessionRequest(id=name), metadata=somebody.metadata)
    await assert_ended(users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=phone.metadata))
    assert [session.current for session in await sessions_of(users, somebody.metadata)] == [True]


@pytest.mark.usefixtures("unchanged")
async def test_another_persons_session_looks_like_none(users: Stub, ada: SignedIn, bob: SignedIn) -> None:
    [bobs] = await sessions_of(users, bob.metadata)
    others = await refused(users.RevokeSession(user_pb2.RevokeSessionRequest(id=bobs.id), metadata=ada.metadata))
    request = user_pb2.RevokeSessionRequest(id=str(uuid.uuid4()))
    assert others == await refused(users.RevokeSession(request, metadata=ada.metadata))
    assert (others.code, others.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    assert len(await sessions_of(users, bob.metadata)) == 1


@pytest.mark.usefixtures("unchanged")
async def test_who_is_not_signed_in_ends_and_sees_nothing(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    [adas] = await sessions_of(users, ada.metadata)
    tokens = {"none": (), **{what: bearer(token) for what, token in bad_tokens(stack, ada.id).items()}}
    for what, metadata in tokens.items():
        for refusal in (
            await refused(users.Logout(user_pb2.LogoutRequest(), metadata=metadata)),
            await refused(users.ListSessions(user_pb2.ListSessionsRequest(), metadata=metadata)),
            await refused(users.RevokeSession(user_pb2.RevokeSessionRequest(id=adas.id), metadata=metadata)),
        ):
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), what


@pytest.mark.usefixtures("unchanged")
async def test_bad_input_is_refused_by_name(users: Stub, ada: SignedIn) -> None:
    for bad in ("", "me", "1"):
        refusal = await refused(users.RevokeSession(user_pb2.RevokeSessionRequest(id=bad), metadata=ada.metadata))
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["id"])
    pages = {
        "pageSize": user_pb2.ListSessionsRequest(page_size=-1),
        "pageToken": user_pb2.ListSessionsRequest(page_token="x"),
    }
    for name, request in pages.items():
        refusal = await refused(users.ListSessions(request, metadata=ada.metadata))
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [name])
