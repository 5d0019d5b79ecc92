"""Register: who may, what is refused and how, and what a repeat gets."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

import asyncpg
import grpc
import jwt
import pytest

from argosy.user.v1 import user_pb2, user_pb2_grpc
from services.chassis.rpc.refusals import refusal_of
from services.user.adapters.passwords import default_threads
from tests.contract.support import PASSWORD, SignedIn, bad_tokens, bearer, fields, new_email, refused, retry_after
from tests.support.real_stack import RealStack

Stub = user_pb2_grpc.UserServiceStub


def request(**changed: Any) -> user_pb2.RegisterRequest:
    good = {"email": new_email(), "password": PASSWORD, "first_name": "Ada", "last_name": "Tour"}
    return user_pb2.RegisterRequest(**{**good, **changed})


def keyed(key: str) -> tuple[tuple[str, str], ...]:
    return (("idempotency-key", key),)


async def test_answers_the_account_and_a_token_with_201(users: Stub, stack: RealStack) -> None:
    asked = request(first_name=" Ada ", last_name="de la Tour")
    call = users.Register(asked)
    answer = await call
    assert (answer.user.email, answer.user.first_name, answer.user.last_name) == (asked.email, "Ada", "de la Tour")
    assert str(uuid.UUID(answer.user.id)) == answer.user.id
    assert answer.user.HasField("created_at")
    assert ("x-http-code", "201") in [tuple(pair) for pair in await call.initial_metadata()]
    claims = jwt.decode(answer.token, options={"verify_signature": False})
    assert (claims["sub"], claims["roles"], claims["azp"]) == (answer.user.id, [], "web-app")
    assert claims["exp"] - claims["iat"] == 24 * 3600
    me = await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=bearer(answer.token))
    assert (me.id, me.account_status, me.email_verified, me.HasField("last_login")) == (
        answer.user.id, "active", False, False,
    )  # fmt: skip


async def test_the_token_carries_the_client_app(users: Stub) -> None:
    answer = await users.Register(request(), metadata=(("x-client-app", "mobile-app"),))
    assert jwt.decode(answer.token, options={"verify_signature": False})["azp"] == "mobile-app"


async def test_the_session_records_its_client(users: Stub, stack: RealStack) -> None:
    answer = await users.Register(request(), metadata=(("x-client-app", "mobile-app"),))
    connection = await asyncpg.connect(stack.postgres_url("user"))
    row = await connection.fetchrow(
        "SELECT host(ip_address) AS ip, device_info->>'clientApp' AS app, device_info->>'userAgent' AS agent, "
        "revoked, expires_at > now() AS open FROM user_sessions WHERE user_id = $1",
        uuid.UUID(answer.user.id),
    )
    await connection.close()
    assert (row["ip"], row["app"], row["revoked"], row["open"]) == ("127.0.0.1", "mobile-app", False, True)
    assert "grpc" in row["agent"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": " ada@example.com"}, "email"),
        ({"email": "ädä@example.com"}, "email"),
        ({"email": "a@" + "b" * 60 + ("." + "c" * 60) * 4}, "email"),
        ({"email": "a\0@example.com"}, "email"),
        ({"email": "ada@localhost"}, "email"),
        ({"email": "ada@example.c"}, "email"),
        ({"email": "ada@example.1a"}, "email"),
        ({"email": "ada@127.0.0.1"}, "email"),
        ({"email": "ada@example.com1"}, "email"),
        ({"password": ""}, "password"),
        ({"password": "1234567"}, "password"),
        ({"password": "x" * 73}, "password"),
        ({"password": "ж" * 37}, "password"),
        ({"password": "correct\0horse"}, "password"),
        ({"first_name": ""}, "firstName"),
        ({"first_name": " \t"}, "firstName"),
        ({"first_name": "\u200b"}, "firstName"),
        ({"first_name": "\u3164"}, "firstName"),
        ({"first_name": "\u2800\u115f\uffa0"}, "firstName"),
        ({"first_name": "pay 2 USD at https://evil.example"}, "firstName"),
        ({"first_name": "x" * 101}, "firstName"),
        ({"first_name": "A\nda"}, "firstName"),
        ({"first_name": "A\0da"}, "firstName"),
        ({"last_name": ""}, "lastName"),
        ({"last_name": "  "}, "lastName"),
        ({"last_name": "evil.com"}, "lastName"),
        ({"email": "ada@example.com "}, "email"),
        ({"last_name": "x" * 101}, "lastName"),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_its_field(users: Stub, changed: dict[str, str], field: str) -> None:
    refusal = await refused(users.Register(request(**changed), metadata=keyed(str(uuid.uuid4()))))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert fields(refusal) == [field]


@pytest.mark.usefixtures("unchanged")
async def test_everything_that_is_missing_is_named_at_once(users: Stub) -> None:
    refusal = await refused(users.Register(user_pb2.RegisterRequest()))
    assert fields(refusal) == ["email", "password", "firstName", "lastName"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("idempotency-key", "x" * 256, "Idempotency-Key"), ("x-client-app", "television", "X-Client-App")],
)
async def test_bad_headers_are_refused_by_name(users: Stub, name: str, value: str, field: str) -> None:
    refusal = await refused(users.Register(request(), metadata=((name, value),)))
    assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.usefixtures("unchanged")
async def test_nobody_needs_a_token_but_a_bad_one_is_refused(users: Stub, stack: RealStack, ada: SignedIn) -> None:
    for what, token in bad_tokens(stack, ada.id).items():
        refusal = await refused(users.Register(request(), metadata=bearer(token)))
        assert refusal.code is grpc.StatusCode.UNAUTHENTICATED, what


@pytest.mark.parametrize("change", [str, str.upper, str.lower, str.swapcase])
@pytest.mark.usefixtures("unchanged")
async def test_a_taken_address_is_refused_in_any_case(users: Stub, ada: SignedIn, change: Any) -> None:
    refusal = await refused(users.Register(request(email=change(ada.email))))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")
    assert fields(refusal) == ["email"]
    assert ada.id not in refusal.message


async def test_a_repeat_with_its_key_gets_the_same_account_and_another_token(users: Stub) -> None:
    asked, key = request(), keyed("once")
    first, second = await users.Register(asked, metadata=key), await users.Register(asked, metadata=key)
    assert first.user == second.user
    assert first.token != second.token
    for answer in (first, second):
        me = await users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=bearer(answer.token))
        assert me.id == first.user.id


async def test_a_repeat_with_other_content_or_another_password_is_refused(users: Stub) -> None:
    asked, key = request(), keyed("once")
    await users.Register(asked, metadata=key)
    other = user_pb2.RegisterRequest()
    other.CopyFrom(asked)
    other.last_name = "Eve"
    refusal = await refused(users.Register(other, metadata=key))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_MISMATCH")
    other.CopyFrom(asked)
    other.password = "another horse"
    refusal = await refused(users.Register(other, metadata=key))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")


async def test_a_hundred_at_once_with_one_key_are_one_account(users: Stub) -> None:
    asked = request()
    answers = await asyncio.gather(*(users.Register(asked, metadata=keyed("once")) for _ in range(100)))
    assert len({answer.user.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert len({answer.token for answer in answers}) == 100


async def test_a_hundred_at_once_without_a_key_are_one_account_and_99_refusals(users: Stub) -> None:
    asked = request()
    results = await asyncio.gather(*(users.Register(asked) for _ in range(100)), return_exceptions=True)
    codes = Counter(
        result.code() if isinstance(result, grpc.aio.AioRpcError) else grpc.StatusCode.OK for result in results
    )
    assert codes == {grpc.StatusCode.OK: 1, grpc.StatusCode.ALREADY_EXISTS: 99}


async def test_more_than_can_be_hashed_get_a_retry_delay(users: Stub, stack: RealStack) -> None:
    people = [request() for _ in range(40 + 9 * default_threads())]  # 9 a thread are being hashed or may wait
    results = await asyncio.gather(*(users.Register(asked) for asked in people), return_exceptions=True)
    refusals = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert refusals
    for refusal in refusals:
        error = refusal_of(refusal)
        assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.reason in ("OVERLOADED", "TOO_MANY_SIGN_INS")
        wait = retry_after(refusal)
        assert wait is not None
        assert wait.total_seconds() >= 1
    connection = await asyncpg.connect(stack.postgres_url("user"))
    made = await connection.fetchval("SELECT count(*) FROM users WHERE email = ANY($1)", [p.email for p in people])
    await connection.close()
    assert made == len(people) - len(refusals)  # who was refused has no account
