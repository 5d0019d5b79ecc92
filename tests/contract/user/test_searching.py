"""SearchUsers: for the staff alone."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.user.v1 import user_pb2, user_pb2_grpc
from tests.contract.support import (
    SignedIn,
    fields,
    others_than_staff,
    refused,
    sign_up,
    sign_up_staff,
)
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub
Search = user_pb2.SearchUsersRequest


@pytest.fixture(scope="module")
async def staff(stack: RealStack) -> SignedIn:
    return await sign_up_staff(stack)


async def test_staff_find_an_account_by_its_address(users: Stub, somebody: SignedIn, staff: SignedIn) -> None:
    answer = await users.SearchUsers(Search(email=somebody.email.upper()), metadata=staff.metadata)
    (found,) = answer.users
    whole = await users.GetUser(user_pb2.GetUserRequest(id=somebody.id), metadata=staff.metadata)
    assert answer.next_page_token == ""
    for name in found.DESCRIPTOR.fields_by_name:
        assert getattr(found, name) == getattr(whole, name), name
    unknown = await users.SearchUsers(Search(email="nobody@example.com"), metadata=staff.metadata)
    assert unknown == user_pb2.SearchUsersResponse()


async def test_pages_of_those_whose_addresses_begin_alike(users: Stub, stack: RealStack, staff: SignedIn) -> None:
    letters = f"p{uuid.uuid4().hex[:8]}"
    people = [await sign_up(stack, f"{letters}-{number}@example.com") for number in (3, 1, 2, 0)]
    found: list[str] = []
    token = ""
    while True:
        request = Search(email_prefix=letters.upper(), page_size=3, page_token=token)
        page = await users.SearchUsers(request, metadata=staff.metadata)
        found += [user.email for user in page.users]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(person.email for person in people)


async def test_pages_of_the_newest(users: Stub, stack: RealStack, staff: SignedIn) -> None:
    people = [await sign_up(stack) for _ in range(3)]
    first = await users.SearchUsers(Search(page_size=2), metadata=staff.metadata)
    second = await users.SearchUsers(Search(page_size=2, page_token=first.next_page_token), metadata=staff.metadata)
    found = [user.id for user in (*first.users, *second.users)]
    assert found[:3] == [person.id for person in people[::-1]]
    assert len(set(found)) == 4


async def test_nobody_else_does(users: Stub, stack: RealStack, ada: SignedIn, staff: SignedIn) -> None:
    for who, metadata in others_than_staff(stack, staff, ada).items():
        refusal = await refused(users.SearchUsers(Search(email=ada.email), metadata=metadata))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Search(page_size=-1), "pageSize"),
        (Search(page_token="nonsense"), "pageToken"),
        (Search(page_token="x" * 513), "pageToken"),
        (Search(email="x" * 255), "email"),
        (Search(email_prefix="x" * 255), "emailPrefix"),
        (Search(email="ada@example.com", email_prefix="ada"), "emailPrefix"),
    ],
)
async def test_what_cannot_be_searched_is_refused(users: Stub, staff: SignedIn, request_: Search, field: str) -> None:
    refusal = await refused(users.SearchUsers(request_, metadata=staff.metadata))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
