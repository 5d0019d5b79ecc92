"""GetUser: whose account is shown to whom."""

from __future__ import annotations

import uuid

import grpc
import pytest
from google.protobuf import json_format

from argosy.user.v1 import user_pb2, user_pb2_grpc
from tests.contract.support import SignedIn, bad_tokens, bearer, fields, refused, sign_up_staff, user_token
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub


def request(user_id: str) -> user_pb2.GetUserRequest:
    return user_pb2.GetUserRequest(id=user_id)


@pytest.mark.usefixtures("unchanged")
async def test_the_own_account_is_found_by_me_and_by_its_id(users: Stub, ada: SignedIn) -> None:
    answers = [await users.GetUser(request(name), metadata=ada.metadata) for name in ("me", ada.id, ada.id.upper())]
    assert answers[0] == answers[1] == answers[2]
    answer = json_format.MessageToDict(answers[0], always_print_fields_with_no_presence=True)
    assert (answer["id"], answer["email"], answer["accountStatus"]) == (ada.id, ada.email, "active")
    assert (answer["firstName"], answer["lastName"], answer["emailVerified"]) == ("Ada", "Tour", False)
    assert answer["createdAt"] == answer["updatedAt"]
    assert "profile" in answer


@pytest.mark.usefixtures("unchanged")
async def test_another_persons_account_looks_like_none(users: Stub, ada: SignedIn, bob: SignedIn) -> None:
    others = await refused(users.GetUser(request(bob.id), metadata=ada.metadata))
    nobodys = await refused(users.GetUser(request(str(uuid.uuid4())), metadata=ada.metadata))
    assert others == nobodys
    assert (others.code, others.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


async def test_staff_read_anybodys(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    staff = await sign_up_staff(stack)
    assert (await users.GetUser(request(ada.id), metadata=staff.metadata)).email == ada.email
    assert (await users.GetUser(request("me"), metadata=staff.metadata)).id == staff.id
    unknown = await refused(users.GetUser(request(str(uuid.uuid4())), metadata=staff.metadata))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


@pytest.mark.parametrize("roles", [["Staff"], ["admin"], ["staff "]])
async def test_no_other_role_is_staff(users: Stub, stack: RealStack, ada: SignedIn, roles: list[str]) -> None:
    token = user_token(stack, str(uuid.uuid4()), roles=roles)
    refusal = await refused(users.GetUser(request(ada.id), metadata=bearer(token)))
    assert refusal.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.usefixtures("unchanged")
async def test_who_is_not_signed_in_sees_nothing(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    for user_id in ("me", ada.id):
        refusal = await refused(users.GetUser(request(user_id)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    for what, token in bad_tokens(stack, ada.id).items():
        refusal = await refused(users.GetUser(request("me"), metadata=bearer(token)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), what


async def test_the_token_alone_identifies_the_caller(users: Stub, ada: SignedIn, bob: SignedIn) -> None:
    metadata = (*bob.metadata, ("x-user-id", ada.id), ("x-roles", "staff"), ("x-jwt-payload", "{}"))
    assert (await users.GetUser(request("me"), metadata=metadata)).id == bob.id
    assert (await refused(users.GetUser(request(ada.id), metadata=metadata))).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("user_id", ["", "ME", "register", "1", "01a206e5e8d47000bb7ddffe9e455f67", "me\0", "' OR 1=1"])
async def test_what_is_no_id_is_refused_by_name(users: Stub, ada: SignedIn, user_id: str) -> None:
    refusal = await refused(users.GetUser(request(user_id), metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert fields(refusal) == ["id"]
