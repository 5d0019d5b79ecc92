"""SuspendUser, ReinstateUser: for the staff alone."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.user.v1 import user_pb2, user_pb2_grpc
from tests.contract.support import (
    PASSWORD,
    SignedIn,
    fields,
    others_than_staff,
    refused,
    sign_up_staff,
)
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub
Suspend, Reinstate = user_pb2.SuspendUserRequest, user_pb2.ReinstateUserRequest


@pytest.fixture(scope="module")
async def staff(stack: RealStack) -> SignedIn:
    return await sign_up_staff(stack)


async def test_staff_suspends_and_reinstates(users: Stub, somebody: SignedIn, staff: SignedIn) -> None:
    user = await users.SuspendUser(Suspend(id=somebody.id), metadata=staff.metadata)
    assert (user.id, user.account_status) == (somebody.id, "suspended")
    ended = await refused(users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=somebody.metadata))
    assert ended.code is grpc.StatusCode.UNAUTHENTICATED
    right = await refused(users.Login(user_pb2.LoginRequest(email=somebody.email, password=PASSWORD)))
    assert (right.code, right.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED")
    wrong = await refused(users.Login(user_pb2.LoginRequest(email=somebody.email, password="wrong horse")))
    assert (wrong.code, wrong.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SIGN_IN_REFUSED")
    again = await users.SuspendUser(Suspend(id=somebody.id), metadata=staff.metadata)
    assert again == user
    back = await users.ReinstateUser(Reinstate(id=somebody.id), metadata=staff.metadata)
    assert back.account_status == "active"
    await users.Login(user_pb2.LoginRequest(email=somebody.email, password=PASSWORD))


async def test_only_staff_suspend_and_reinstate(
    users: Stub, stack: RealStack, ada: SignedIn, bob: SignedIn, staff: SignedIn
) -> None:
    callers = {**others_than_staff(stack, staff, ada), "themself": bob.metadata}
    before = await users.GetUser(user_pb2.GetUserRequest(id=bob.id), metadata=staff.metadata)
    for who, metadata in callers.items():
        for call in (
            users.SuspendUser(Suspend(id=bob.id), metadata=metadata),
            users.ReinstateUser(Reinstate(id=bob.id), metadata=metadata),
        ):
            refusal = await refused(call)
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who
    assert await users.GetUser(user_pb2.GetUserRequest(id=bob.id), metadata=staff.metadata) == before
    await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=bob.metadata)


async def test_what_is_not_possible_is_refused_with_a_reason(users: Stub, staff: SignedIn, somebody: SignedIn) -> None:
    own = await refused(users.SuspendUser(Suspend(id=staff.id), metadata=staff.metadata))
    assert (own.code, own.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "OWN_ACCOUNT")
    await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=staff.metadata)
    await users.DeleteUser(user_pb2.DeleteUserRequest(id="me"), metadata=somebody.metadata)
    for request in (Suspend(id=somebody.id), Reinstate(id=somebody.id)):
        rpc = users.SuspendUser if isinstance(request, Suspend) else users.ReinstateUser
        gone = await refused(rpc(request, metadata=staff.metadata))
        assert (gone.code, gone.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ACCOUNT_DELETED")
    unknown = await refused(users.SuspendUser(Suspend(id=str(uuid.uuid4())), metadata=staff.metadata))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")
    for bad in ("", "me", "1"):
        refusal = await refused(users.SuspendUser(Suspend(id=bad), metadata=staff.metadata))
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["id"])
        refusal = await refused(users.ReinstateUser(Reinstate(id=bad), metadata=staff.metadata))
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["id"])
