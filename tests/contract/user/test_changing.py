"""UpdateUser, ReplaceUser, DeleteUser, ChangePassword: whose account changes, and how."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from argosy.user.v1 import user_pb2, user_pb2_grpc
from tests.contract.support import (
    PASSWORD,
    Metadata,
    SignedIn,
    bad_tokens,
    bearer,
    fields,
    new_email,
    refused,
    sign_up_staff,
)
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub
PROFILE = {
    "avatarUrl": "https://a.example/a.png",
    "bio": "words",
    "preferences": {"theme": "dark", "sizes": [1.5, 2, None]},
    "address": {"street": "123 Test St", "city": "Test City", "state": "TS", "zipCode": "12345", "country": "US"},
    "phone": "+1 (555) 123-4567",
    "dateOfBirth": "1990-02-28",
}


async def update(users: Stub, metadata: Metadata, user_id: str = "me", **changes: Any) -> dict[str, Any]:
    request = json_format.ParseDict({"id": user_id, **changes}, user_pb2.UpdateUserRequest())
    return json_format.MessageToDict(await users.UpdateUser(request, metadata=metadata))


async def replace(users: Stub, metadata: Metadata, user_id: str = "me", **changes: Any) -> dict[str, Any]:
    request = json_format.ParseDict({"id": user_id, **changes}, user_pb2.ReplaceUserRequest())
    return json_format.MessageToDict(await users.ReplaceUser(request, metadata=metadata))


async def test_patch_changes_what_is_present(users: Stub, somebody: SignedIn) -> None:
    answer = await update(users, somebody.metadata, profile=PROFILE)
    assert answer["profile"] == PROFILE
    answer = await update(
        users, somebody.metadata, firstName="Augusta", profile={"bio": "", "address": {"city": "Oslo"}}
    )
    assert (answer["firstName"], answer["lastName"], answer["email"]) == ("Augusta", "Tour", somebody.email)
    kept = {name: value for name, value in PROFILE.items() if name != "bio"}
    assert answer["profile"] == {**kept, "address": {"city": "Oslo"}}
    read = await users.GetUser(user_pb2.GetUserRequest(id=somebody.id), metadata=somebody.metadata)
    assert json_format.MessageToDict(read) == answer


async def test_put_replaces_the_profile_whole(users: Stub, somebody: SignedIn) -> None:
    await update(users, somebody.metadata, profile=PROFILE)
    answer = await replace(users, somebody.metadata, profile={"bio": "only this"})
    assert (answer["profile"], answer["firstName"]) == ({"bio": "only this"}, "Ada")
    assert (await replace(users, somebody.metadata, lastName="Byron", profile={}))["profile"] == {}


async def test_staff_change_anybodys(users: Stub, stack: RealStack, somebody: SignedIn) -> None:
    staff = await sign_up_staff(stack)
    assert (await update(users, staff.metadata, somebody.id, profile={"bio": "nice"}))["profile"]["bio"] == "nice"
    request = user_pb2.DeleteUserRequest(id=somebody.id)
    assert (await users.DeleteUser(request, metadata=staff.metadata)).account_status == "deleted"
    gone = user_pb2.GetUserRequest(id=somebody.id)
    assert (await users.GetUser(gone, metadata=staff.metadata)).account_status == "deleted"
    refusal = await refused(update(users, staff.metadata, somebody.id, profile={"bio": "x"}))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ACCOUNT_DELETED")
    refusal = await refused(users.GetUser(gone, metadata=somebody.metadata))
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED


async def test_another_address_needs_the_password_and_takes_over_when_it_is_verified(
    users: Stub, somebody: SignedIn, bob: SignedIn
) -> None:
    email = new_email()
    for change in (update, replace):
        for wrong in ({}, {"currentPassword": "not my horse"}):
            refusal = await refused(change(users, somebody.metadata, email=email, profile={}, **wrong))
            assert (refusal.code, refusal.reason, fields(refusal)) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "WRONG_PASSWORD",
                ["currentPassword"],
            )
    taken: dict[str, Any] = {"email": bob.email.upper(), "currentPassword": PASSWORD, "profile": {"bio": "x"}}
    refusal = await refused(update(users, somebody.metadata, **taken))
    assert (refusal.code, refusal.reason, fields(refusal)) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "EMAIL_TAKEN",
        ["email"],
    )
    answer = await update(users, somebody.metadata, email=email, currentPassword=PASSWORD)
    assert (answer["email"], answer["pendingEmail"], answer["profile"]) == (somebody.email, email, {})
    await users.Login(user_pb2.LoginRequest(email=somebody.email, password=PASSWORD))
    withdrawn = await update(users, somebody.metadata, email=somebody.email)
    assert "pendingEmail" not in withdrawn


async def test_who_deletes_the_account_is_out_and_the_address_is_free(users: Stub, somebody: SignedIn) -> None:
    answer = await users.DeleteUser(user_pb2.DeleteUserRequest(id="me"), metadata=somebody.metadata)
    assert (answer.id, answer.account_status) == (somebody.id, "deleted")
    me = user_pb2.GetUserRequest(id="me")
    assert (await refused(users.GetUser(me, metadata=somebody.metadata))).code is grpc.StatusCode.UNAUTHENTICATED
    login = user_pb2.LoginRequest(email=somebody.email, password=PASSWORD)
    assert (await refused(users.Login(login))).reason == "SIGN_IN_REFUSED"
    request = user_pb2.RegisterRequest(email=somebody.email, password=PASSWORD, first_name="A", last_name="B")
    assert (await users.Register(request)).user.id != somebody.id


async def test_another_password_signs_out_elsewhere(users: Stub, somebody: SignedIn) -> None:
    login = user_pb2.LoginRequest(email=somebody.email, password=PASSWORD)
    here = bearer((await users.Login(login)).token)
    await users.ChangePassword(
        user_pb2.ChangePasswordRequest(old_password=PASSWORD, new_password="another horse"), metadata=here
    )
    me = user_pb2.GetUserRequest(id="me")
    assert (await users.GetUser(me, metadata=here)).id == somebody.id
    assert (await refused(users.GetUser(me, metadata=somebody.metadata))).code is grpc.StatusCode.UNAUTHENTICATED
    assert (await refused(users.Login(login))).reason == "SIGN_IN_REFUSED"
    await users.Login(user_pb2.LoginRequest(email=somebody.email, password="another horse"))


@pytest.mark.usefixtures("unchanged")
async def test_a_password_changes_for_who_knows_it(users: Stub, ada: SignedIn) -> None:
    wrong = user_pb2.ChangePasswordRequest(old_password="not my horse", new_password="another horse")
    refusal = await refused(users.ChangePassword(wrong, metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "WRONG_PASSWORD")
    assert fields(refusal) == ["oldPassword"]
    bad = {"oldPassword": ("", "a new horse"), "newPassword": (PASSWORD, "short")}
    for name, (old, new) in bad.items():
        request = user_pb2.ChangePasswordRequest(old_password=old, new_password=new)
        assert fields(await refused(users.ChangePassword(request, metadata=ada.metadata))) == [name]


def changing(users: Stub, user_id: str) -> dict[str, Callable[[Metadata], Awaitable[Any]]]:
    """Everything that changes an account, as a call that lacks its caller."""
    passwords = user_pb2.ChangePasswordRequest(old_password=PASSWORD, new_password="another horse")
    return {
        "update": lambda metadata: update(users, metadata, user_id, profile={"bio": "x"}),
        "replace": lambda metadata: replace(users, metadata, user_id, profile={"bio": "x"}),
        "delete": lambda metadata: users.DeleteUser(user_pb2.DeleteUserRequest(id=user_id), metadata=metadata),
        "password": lambda metadata: users.ChangePassword(passwords, metadata=metadata),
    }


@pytest.mark.usefixtures("unchanged")
async def test_another_persons_account_looks_like_none(users: Stub, ada: SignedIn, bob: SignedIn) -> None:
    unknown = changing(users, str(uuid.uuid4()))
    for name, call in changing(users, bob.id).items():
        if name != "password":
            refusal = await refused(call(ada.metadata))
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND"), name
            assert refusal == await refused(unknown[name](ada.metadata))


@pytest.mark.usefixtures("unchanged")
async def test_who_is_not_signed_in_changes_nothing(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    tokens = {"none": (), **{what: bearer(token) for what, token in bad_tokens(stack, ada.id).items()}}
    for name, call in changing(users, ada.id).items():
        for what, metadata in tokens.items():
            refusal = await refused(call(metadata))
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), (name, what)


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "ada@localhost"}, "email"),
        ({"email": "ada@example.c"}, "email"),
        ({"firstName": ""}, "firstName"),
        ({"firstName": " "}, "firstName"),
        ({"lastName": "x" * 101}, "lastName"),
        ({"lastName": "a\nb"}, "lastName"),
        ({"profile": {"avatarUrl": "javascript:alert(1)"}}, "profile.avatarUrl"),
        ({"profile": {"avatarUrl": "https://a.example/" + "a" * 500}}, "profile.avatarUrl"),
        ({"profile": {"bio": "x" * 2001}}, "profile.bio"),
        ({"profile": {"bio": "a\0b"}}, "profile.bio"),
        ({"profile": {"phone": "0" * 21}}, "profile.phone"),
        ({"profile": {"phone": "call me"}}, "profile.phone"),
        ({"profile": {"dateOfBirth": "28.2.1990"}}, "profile.dateOfBirth"),
        ({"profile": {"dateOfBirth": "2023-02-29"}}, "profile.dateOfBirth"),
        ({"profile": {"dateOfBirth": TOMORROW}}, "profile.dateOfBirth"),
        ({"profile": {"preferences": {"x": "x" * 9000}}}, "profile.preferences"),
        ({"profile": {"address": {"country": "usa"}}}, "profile.address.country"),
        ({"profile": {"address": {"zipCode": "1" * 21}}}, "profile.address.zipCode"),
        ({"user_id": "you"}, "id"),
    ],
)
async def test_bad_input_is_refused_by_name(users: Stub, ada: SignedIn, changes: dict[str, Any], field: str) -> None:
    for change in (update, replace):
        body = {"user_id": "me", "profile": {}, **changes}
        refusal = await refused(change(users, ada.metadata, **body))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
        assert fields(refusal) == [field]


@pytest.mark.usefixtures("unchanged")
async def test_preferences_that_are_no_json_are_refused_by_name(users: Stub, ada: SignedIn) -> None:
    request = user_pb2.UpdateUserRequest(id="me")
    for number in (float("nan"), float("inf")):
        request.profile.preferences.fields["x"].number_value = number
        refusal = await refused(users.UpdateUser(request, metadata=ada.metadata))
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["profile.preferences"])


@pytest.mark.usefixtures("unchanged")
async def test_put_without_a_profile_is_refused(users: Stub, ada: SignedIn) -> None:
    refusal = await refused(replace(users, ada.metadata, firstName="Bob"))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["profile"])
