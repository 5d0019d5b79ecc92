"""Sessions of browsers: the token is in a cookie that no script can read, and counts only for pages of this origin."""

from collections.abc import AsyncIterator, Mapping
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from argosy.order.v1 import order_pb2
from argosy.user.v1 import user_pb2
from facts.system import system
from tests.integration.edge.grpc_web import GRPC_WEB, framed, frames_of, status_of
from tests.integration.edge.harness import ROOT, Context, Edge, Issuer, Upstream, edge, environment, error_of, until

LOGIN = "/argosy.user.v1.UserService/Login"
REGISTER = "/argosy.user.v1.UserService/Register"
LOGOUT = "/argosy.user.v1.UserService/Logout"
GET_USER = "/argosy.user.v1.UserService/GetUser"
LIST_PRODUCTS = "/argosy.inventory.v1.ProductService/ListProducts"
COOKIE = "__Host-session"
ASKED = {"x-session": "cookie", "sec-fetch-site": "same-origin"}
PERSON = {"email": "ada@example.com", "password": "correct horse"}
UNAUTHENTICATED = 16


@pytest.fixture
def signing_in(upstream: Upstream, issuer: Issuer) -> str:
    """The upstream signs in as the user service does. Gives the token of the session."""
    token = issuer.token()

    async def begin(_: Any, context: Context) -> Message:
        if dict(context.invocation_metadata()).get("x-session") != "cookie":
            return user_pb2.LoginResponse(token=token)
        await context.send_initial_metadata((("x-session-token", token), ("x-session-seconds", "86400")))
        return user_pb2.LoginResponse(device_token="device")

    async def end(_: Any, context: Context) -> Message:
        if dict(context.invocation_metadata()).get("x-session") == "cookie":
            await context.send_initial_metadata((("x-session-token", "ended"), ("x-session-seconds", "0")))
        return user_pb2.LogoutResponse()

    upstream.answer(LOGIN, begin)
    upstream.answer(LOGOUT, end)
    return token


def cookie_of(answer: httpx.Response) -> Morsel[str] | None:
    """The session's cookie in a response."""
    found = SimpleCookie(answer.headers.get("set-cookie", ""))
    assert set(found) <= {COOKIE}
    return found.get(COOKIE)


def with_cookie(token: str, more: Mapping[str, str] = ASKED) -> dict[str, str]:
    return {"cookie": f"theme=dark; {COOKIE}={token}; lang=en", **more}


async def test_a_session_begins_with_a_cookie_and_no_token_in_the_answer(
    client: httpx.AsyncClient, signing_in: str, running_edge: Edge
) -> None:
    answer = await client.post("/api/v1/users/login", json=PERSON, headers=ASKED)
    assert answer.status_code == 200
    cookie = cookie_of(answer)
    assert cookie is not None
    assert (cookie.value, cookie["max-age"], cookie["path"], cookie["samesite"]) == (signing_in, "86400", "/", "Strict")
    assert cookie["httponly"]
    assert cookie["secure"]
    assert not cookie["domain"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token"] == ""
    assert answer.json()["deviceToken"] == "device"
    others = [value for name, value in answer.headers.multi_items() if name != "set-cookie"]
    assert not [value for value in [*others, answer.text] if signing_in in value]


async def test_no_token_of_a_cookie_is_logged(client: httpx.AsyncClient, signing_in: str, running_edge: Edge) -> None:
    answer = await client.post("/api/v1/users/login", json=PERSON, headers=ASKED)
    last = await client.get("/api/v1/users/me", headers=with_cookie(signing_in))

    async def logged() -> bool:
        return last.headers["x-request-id"] in running_edge.log.read_text()

    await until(logged, "the last request is in the access log")
    log = running_edge.log.read_text()
    assert answer.headers["x-request-id"] in log
    assert signing_in not in log
    assert signing_in.rpartition(".")[2] not in log


async def test_a_session_begins_over_grpc_web_too(client: httpx.AsyncClient, signing_in: str) -> None:
    answer = await client.post(
        LOGIN, content=framed(user_pb2.LoginRequest(**PERSON)), headers={"content-type": GRPC_WEB, **ASKED}
    )
    assert status_of(answer) == 0
    cookie = cookie_of(answer)
    assert cookie is not None
    assert cookie.value == signing_in
    (message,) = frames_of(answer.content)[0]
    assert user_pb2.LoginResponse.FromString(message).token == ""
    assert signing_in.encode() not in answer.content
    assert not [name for name in answer.headers if name.startswith("x-session")]


@pytest.mark.parametrize("headers", [{}, {"x-session": "body"}, {**ASKED, "sec-fetch-site": "cross-site"}])
async def test_other_clients_get_their_token_as_before(
    client: httpx.AsyncClient, signing_in: str, headers: dict[str, str]
) -> None:
    answer = await client.post("/api/v1/users/login", json=PERSON, headers=headers)
    assert answer.json()["token"] == signing_in
    assert cookie_of(answer) is None


async def test_no_other_service_can_set_a_cookie_without_being_asked(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    async def answer(_: Any, context: Context) -> Message:
        await context.send_initial_metadata((("x-session-token", "x"), ("x-session-seconds", "60")))
        return user_pb2.LoginResponse()

    upstream.answer(LOGIN, answer)
    got = await client.post("/api/v1/users/login", json=PERSON)
    assert cookie_of(got) is None
    assert not [name for name in got.headers if name.startswith("x-session")]


@pytest.mark.parametrize("path", ["/api/v1/users/me", GET_USER])
async def test_the_cookie_is_the_token_and_the_service_gets_no_cookie(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, path: str
) -> None:
    token = issuer.token()
    if path == GET_USER:
        body = framed(user_pb2.GetUserRequest(id="me"))
        answer = await client.post(path, content=body, headers={**with_cookie(token), "content-type": GRPC_WEB})
        assert status_of(answer) == 0
    else:
        assert (await client.get(path, headers=with_cookie(token))).status_code == 200
    (call,) = upstream.called(GET_USER)
    assert call.metadata["authorization"] == f"Bearer {token}"
    assert "cookie" not in call.metadata


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-session": "yes"},
        {"x-session": "cookie", "sec-fetch-site": "cross-site"},
        {"x-session": "cookie", "sec-fetch-site": "same-site"},
        {"x-session": "cookie", "sec-fetch-site": "none"},
    ],
    ids=["a form", "another value", "another site", "another port", "the address bar"],
)
async def test_a_cookie_that_another_page_makes_the_browser_send_counts_for_nothing(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, headers: dict[str, str]
) -> None:
    body = b'{"id": "order-1"}'
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = await client.post(
            "/api/v1/orders", content=body, headers={"content-type": kind, **with_cookie(issuer.token(), headers)}
        )
        assert answer.status_code == 401
        assert cookie_of(answer) is None
    assert not upstream.calls


@pytest.mark.parametrize("origin", ["https://evil.example", "https://myapp.com", "http://localhost:3000"])
async def test_scripts_of_other_origins_may_not_ask_for_the_cookie(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.options(
        "/api/v1/orders",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-session",
        },
    )
    assert "x-session" not in answer.headers.get("access-control-allow-headers", "").lower()


@pytest.mark.parametrize("kind", ["forged", "expired", "not a token", "for another audience"])
@pytest.mark.parametrize("path", ["/api/v1/users/me", LIST_PRODUCTS])
async def test_a_bad_cookie_is_refused_and_removed(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, kind: str, path: str
) -> None:
    token = {
        "forged": issuer.token(key=Ed25519PrivateKey.generate()),
        "expired": issuer.token(exp=1),
        "not a token": "abc",
        "for another audience": issuer.token(aud="https://api.somebody-else.com"),
    }[kind]
    if path == LIST_PRODUCTS:
        answer = await client.post(
            path, content=framed(Empty), headers={**with_cookie(token), "content-type": GRPC_WEB}
        )
        assert status_of(answer) == UNAUTHENTICATED
    else:
        answer = await client.get(path, headers=with_cookie(token))
        assert (answer.status_code, error_of(answer)[0]) == (401, UNAUTHENTICATED)
    cookie = cookie_of(answer)
    assert cookie is not None
    assert (cookie.value, cookie["max-age"], bool(cookie["secure"])) == ("", "0", True)
    assert not upstream.calls


Empty = order_pb2.ListOrdersRequest()


@pytest.mark.parametrize("path", ["/api/v1/users/me", GET_USER])
async def test_a_session_that_a_service_refuses_is_removed(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, path: str
) -> None:
    async def refuse(_: Any, context: Context) -> Message:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the session has ended")
        raise AssertionError("abort raises")

    upstream.answer(GET_USER, refuse)
    token = issuer.token()
    if path == GET_USER:
        body = framed(user_pb2.GetUserRequest(id="me"))
        answer = await client.post(path, content=body, headers={**with_cookie(token), "content-type": GRPC_WEB})
    else:
        answer = await client.get(path, headers=with_cookie(token))
    cookie = cookie_of(answer)
    assert cookie is not None
    assert cookie["max-age"] == "0"
    by_header = await client.get("/api/v1/users/me", headers={**with_cookie("x"), "authorization": f"Bearer {token}"})
    assert (by_header.status_code, cookie_of(by_header)) == (401, None)


async def test_a_header_goes_before_the_cookie(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    header, cookie = issuer.token(), issuer.token()
    answer = await client.get("/api/v1/users/me", headers={**with_cookie(cookie), "authorization": f"Bearer {header}"})
    assert answer.status_code == 200
    (call,) = upstream.called(GET_USER)
    assert call.metadata["authorization"] == f"Bearer {header}"


async def test_signing_in_again_does_not_depend_on_the_old_cookie(
    client: httpx.AsyncClient, upstream: Upstream, signing_in: str
) -> None:
    answer = await client.post("/api/v1/users/login", json=PERSON, headers=with_cookie("old"))
    assert answer.status_code == 200
    cookie = cookie_of(answer)
    assert cookie is not None
    assert cookie.value == signing_in
    (call,) = upstream.called(LOGIN)
    assert "authorization" not in call.metadata


@pytest.mark.parametrize("path", ["/api/v1/users/logout", LOGOUT])
async def test_signing_out_removes_the_cookie(client: httpx.AsyncClient, signing_in: str, path: str) -> None:
    if path == LOGOUT:
        body, kind = framed(user_pb2.LogoutRequest()), GRPC_WEB
    else:
        body, kind = b"{}", "application/json"
    answer = await client.post(path, content=body, headers={**with_cookie(signing_in), "content-type": kind})
    assert answer.status_code == 200
    cookie = cookie_of(answer)
    assert cookie is not None
    assert (cookie.value, cookie["max-age"]) == ("", "0")


@pytest.mark.parametrize("value", ["", "a%20b", "a\x80b", '"quoted"', "a,b"])
async def test_a_cookie_that_cannot_be_a_token_is_none(
    client: httpx.AsyncClient, upstream: Upstream, value: str
) -> None:
    headers = [*ASKED.items(), ("cookie", f"{COOKIE}={value}")]
    encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers]
    answer = await client.get("/api/v1/products", headers=encoded)
    assert answer.status_code == 200
    assert "authorization" not in upstream.calls[0].metadata


def test_every_rpc_that_answers_with_a_token_is_one_that_needs_no_session() -> None:
    script = (ROOT / "envoy" / "session.lua").read_text()
    (service,) = [one for one in system().contract if one.full_name == "argosy.user.v1.UserService"]
    answering = {
        method.name
        for method in user_pb2.DESCRIPTOR.services_by_name["UserService"].methods
        if "token" in method.output_type.fields_by_name
    }
    assert answering == {"Login", "Register"}
    for rpc in service.rpcs:
        named = {f'["{path}"]' in script for path in (rpc.path, rpc.route)}
        assert named == {rpc.name in answering}


@pytest.fixture(scope="module")
async def plain_edge(
    ports: dict[str, int], jwks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    """An edge that browsers reach over plain HTTP, with the contract's limits."""
    log: Path = tmp_path_factory.mktemp("plain") / "edge.log"
    settings = environment(ports, jwks_url, EDGE_SECURE_COOKIES="false")
    async with edge(settings, log, without=("notification",)) as running:
        yield running


async def test_over_plain_http_the_cookie_has_another_name(
    plain_edge: Edge, upstream: Upstream, signing_in: str, issuer: Issuer
) -> None:
    async with plain_edge.client() as client:
        answer = await client.post("/api/v1/users/login", json=PERSON, headers=ASKED)
        cookie = SimpleCookie(answer.headers["set-cookie"])["session"]
        assert (cookie.value, bool(cookie["httponly"]), bool(cookie["secure"])) == (signing_in, True, False)
        assert cookie["samesite"] == "Strict"
        mine = await client.get("/api/v1/users/me", headers={**ASKED, "cookie": f"session={signing_in}"})
        assert mine.status_code == 200
        other = await client.get("/api/v1/users/me", headers=with_cookie(issuer.token()))
        assert other.status_code == 401


async def test_signing_in_for_a_cookie_has_the_limits_of_signing_in(
    plain_edge: Edge, upstream: Upstream, signing_in: str
) -> None:
    async with plain_edge.client() as client:
        answers = [await client.post("/api/v1/users/login", json=PERSON, headers=ASKED) for _ in range(130)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {cookie_of(answer) for answer in refused} == {None}
