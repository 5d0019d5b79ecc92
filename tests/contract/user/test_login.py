"""Login: the session that it opens, and that a refusal does not reveal whether the account exists."""

from __future__ import annotations

import uuid

import asyncpg
import grpc
import jwt
import pytest

from argosy.user.v1 import user_pb2, user_pb2_grpc
from services.chassis.rpc.refusals import Refusal
from tests.contract.support import PASSWORD, SignedIn, bad_tokens, bearer, fields, new_email, refused
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub


def request(email: str, password: str = PASSWORD) -> user_pb2.LoginRequest:
    return user_pb2.LoginRequest(email=email, password=password)


async def set_status(stack: RealStack, person: SignedIn, status: str) -> None:
    connection = await asyncpg.connect(stack.postgres_url("user"))
    await connection.execute("UPDATE users SET account_status = $2 WHERE id = $1", uuid.UUID(person.id), status)
    await connection.close()


async def test_answers_a_token_and_the_account_with_200(users: Stub, somebody: SignedIn) -> None:
    call = users.Login(request(somebody.email.swapcase()), metadata=(("x-client-app", "mobile-app"),))
    answer = await call
    assert (answer.user.id, answer.user.email) == (somebody.id, somebody.email)
    assert "x-http-code" not in dict(await call.initial_metadata())
    claims = jwt.decode(answer.token, options={"verify_signature": False})
    assert (claims["sub"], claims["azp"]) == (somebody.id, "mobile-app")
    assert claims["sid"] != jwt.decode(somebody.token, options={"verify_signature": False})["sid"]
    me = await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=bearer(answer.token))
    assert me.last_login.ToDatetime() >= me.created_at.ToDatetime()


async def test_publishes_it_once(users: Stub, stack: RealStack, somebody: SignedIn) -> None:
    await users.Login(request(somebody.email))
    connection = await asyncpg.connect(stack.postgres_url("user"))
    rows = await connection.fetch("SELECT type FROM outbox WHERE key = $1 ORDER BY position", somebody.id)
    await connection.close()
    assert [row["type"] for row in rows] == ["USER_CREATED", "USER_LOGIN"]


@pytest.mark.usefixtures("unchanged")
async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(users: Stub, ada: SignedIn) -> None:
    wrong = await refused(users.Login(request(ada.email, "another horse")))
    unknown = await refused(users.Login(request(new_email())))
    assert wrong == unknown
    assert wrong == Refusal(grpc.StatusCode.UNAUTHENTICATED, "SIGN_IN_REFUSED", "wrong email address or password", [])


async def test_a_deleted_account_gets_the_answer_of_a_wrong_password(
    users: Stub, stack: RealStack, somebody: SignedIn
) -> None:
    await set_status(stack, somebody, "deleted")
    right = await refused(users.Login(request(somebody.email)))
    wrong = await refused(users.Login(request(somebody.email, "another horse")))
    assert right == wrong
    assert (right.code, right.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SIGN_IN_REFUSED")


async def test_a_deleted_accounts_address_is_free_again(users: Stub, stack: RealStack, somebody: SignedIn) -> None:
    await set_status(stack, somebody, "deleted")
    answer = await users.Register(
        user_pb2.RegisterRequest(email=somebody.email, password="another horse", first_name="Eve", last_name="Tour")
    )
    assert answer.user.id != somebody.id
    assert (await users.Login(request(somebody.email, "another horse"))).user.id == answer.user.id


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("", PASSWORD, "email"),
        (f"{'a' * 250}@example.com", PASSWORD, "email"),
        ("a\0@example.com", PASSWORD, "email"),
        ("ada@example.com ", PASSWORD, "email"),
        (" ada@example.com", PASSWORD, "email"),
        ("ada@example.com", "", "password"),
        ("ada@example.com", "x" * 73, "password"),
        ("ada@example.com", "x\0", "password"),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_its_field(
    users: Stub, email: str, password: str, field: str
) -> None:
    refusal = await refused(users.Login(request(email, password)))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert fields(refusal) == [field]


@pytest.mark.usefixtures("unchanged")
async def test_another_client_app_is_an_error(users: Stub, ada: SignedIn) -> None:
    refusal = await refused(users.Login(request(ada.email), metadata=(("x-client-app", "television"),)))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, ["X-Client-App"])


@pytest.mark.usefixtures("unchanged")
async def test_nobody_needs_a_token_but_a_bad_one_is_refused(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    for what, token in bad_tokens(stack, ada.id).items():
        refusal = await refused(users.Login(request(ada.email), metadata=bearer(token)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), what
