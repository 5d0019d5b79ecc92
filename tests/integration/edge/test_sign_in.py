"""Who gets past the edge, and what they cannot pretend."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.rpc import code_pb2

from local.ports import free_port
from tests.integration.edge.harness import (
    Edge,
    Issuer,
    Upstream,
    edge,
    environment,
    error_of,
    http_filter,
    jwks_server,
    until,
)

LIST_ORDERS = "/argosy.order.v1.OrderService/ListOrders"
LIST_PRODUCTS = "/argosy.inventory.v1.ProductService/ListProducts"


def forged(issuer: Issuer) -> str:
    return issuer.token(key=Ed25519PrivateKey.generate())


def without_algorithm(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), "", algorithm="none")


def by_another_algorithm(issuer: Issuer) -> str:
    """Signed with what is public, as if it were a shared secret."""
    public = issuer.jwks()["keys"][0]["x"]
    return jwt.encode(issuer.claims(), f"{public:=<64}", algorithm="HS256", headers={"kid": issuer.kid})


def cut(issuer: Issuer) -> str:
    return issuer.token()[:-4]


BAD_TOKENS: dict[str, Callable[[Issuer], str]] = {
    "forged": forged,
    "alg none": without_algorithm,
    "another algorithm": by_another_algorithm,
    "cut": cut,
    "no token at all": lambda _: "hello",
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 60),
    "without an end": lambda issuer: issuer.token(exp=None),
    "for another audience": lambda issuer: issuer.token(aud="https://api.somebody-else.com"),
    "without an audience": lambda issuer: issuer.token(aud=None),
    "by another issuer": lambda issuer: issuer.token(iss="https://somebody-else.com"),
    "a service's": lambda issuer: issuer.token(iss="service:order", aud="argosy-internal"),
    "about nobody": lambda issuer: issuer.token(sub=None),
    "about an empty name": lambda issuer: issuer.token(sub=""),
}


@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/products"], ids=["user", "public"])
@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_a_bad_token_is_401_even_where_none_is_asked_for(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, kind: str, path: str
) -> None:
    token = BAD_TOKENS[kind](issuer)
    answer = await client.get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert error_of(answer) == (code_pb2.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert token not in answer.text
    assert not upstream.calls


async def test_no_token_is_401_where_one_is_asked_for(client: httpx.AsyncClient, upstream: Upstream) -> None:
    answer = await client.get("/api/v1/orders")
    assert answer.status_code == 401
    assert error_of(answer) == (code_pb2.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert "www-authenticate" in answer.headers
    assert not upstream.calls


async def test_no_token_will_do_where_none_is_asked_for(client: httpx.AsyncClient, upstream: Upstream) -> None:
    assert (await client.get("/api/v1/products")).status_code == 200
    assert "authorization" not in upstream.called(LIST_PRODUCTS)[0].metadata


async def test_a_token_in_the_query_is_no_token(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    answer = await client.get(f"/api/v1/orders?access_token={issuer.token()}")
    assert answer.status_code in (400, 401)
    assert not upstream.calls


@pytest.mark.parametrize("path", [LIST_ORDERS, LIST_PRODUCTS], ids=["user", "public"])
async def test_a_good_token_is_passed_on(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, path: str
) -> None:
    bearer = issuer.bearer()
    route = "/api/v1/orders" if path == LIST_ORDERS else "/api/v1/products"
    assert (await client.get(route, headers=bearer)).status_code == 200
    assert upstream.called(path)[0].metadata["authorization"] == bearer["authorization"]


async def test_identity_headers_of_a_client_never_arrive(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    pretended = {
        "x-user-id": "admin",
        "x-user-roles": "staff",
        "x-edge-subject": "admin",
        "x-jwt-payload": "admin",
        "x-auth-user": "admin",
        "x-forwarded-user": "admin",
        "x-forwarded-client-cert": "admin",
        "x-client-address": "9.9.9.9",
        "x-envoy-retry-on": "5xx",
        "x-http-code": "201",
    }
    await client.get("/api/v1/orders", headers={**issuer.bearer(sub="me"), **pretended, "x-client-app": "mobile-app"})
    (call,) = upstream.called(LIST_ORDERS)
    assert set(call.metadata) & set(pretended) == {"x-client-address"}
    assert call.metadata["x-client-address"] == "127.0.0.1"
    assert "me" not in [value for name, value in call.metadata.items() if name != "authorization"]
    assert call.metadata["x-client-app"] == "mobile-app"


@pytest.mark.parametrize(("hops", "address"), [("0", "127.0.0.1"), ("1", "192.0.2.7")])
async def test_a_forwarded_address_counts_behind_a_trusted_proxy_alone(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, log: Path, hops: str, address: str
) -> None:
    settings = environment(ports, jwks_url, EDGE_TRUSTED_HOPS=hops)
    async with edge(settings, log, without=("notification",)) as running, running.client() as client:
        await client.get("/api/v1/products", headers={"x-forwarded-for": "198.51.100.1, 192.0.2.7"})
    assert upstream.called(LIST_PRODUCTS)[0].metadata["x-client-address"] == address


async def test_without_keys_a_token_is_no_ones_fault(
    ports: dict[str, int], upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    settings = environment(ports, f"http://127.0.0.1:{free_port()}/keys")
    async with edge(settings, log, without=("notification", "keys")) as running, running.client() as client:
        signed_in = await client.get("/api/v1/orders", headers=issuer.bearer())
        assert (await client.get("/api/v1/products")).status_code == 200
    assert signed_in.status_code == 503
    assert error_of(signed_in) == (code_pb2.UNAVAILABLE, "UNAVAILABLE")
    assert not upstream.called(LIST_ORDERS)


async def test_keys_that_were_fetched_outlive_who_published_them(
    ports: dict[str, int], issuer: Issuer, log: Path
) -> None:
    def forgetful(config: dict[str, Any]) -> None:
        jwks = http_filter(config, "jwt_authn")["providers"]["argosy"]["remote_jwks"]
        jwks["cache_duration"] = "1s"
        jwks["async_fetch"]["failed_refetch_duration"] = "0.2s"

    async with AsyncExitStack() as publishing:
        settings = environment(ports, await publishing.enter_async_context(jwks_server([issuer])))
        async with (
            edge(settings, log, without=("notification",), change=forgetful) as running,
            running.client() as client,
        ):
            await publishing.aclose()
            await until(lambda: fetching_failed(running), "the edge asks for the keys in vain")
            assert (await client.get("/api/v1/orders", headers=issuer.bearer())).status_code == 200


async def fetching_failed(running: Edge) -> bool:
    statistic = "http.edge.jwt_authn.jwks_fetch_failed"
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{running.admin_port}/stats?filter=^{statistic}$")
    return int(answer.text.rpartition(":")[2] or 0) > 0


async def test_a_new_key_is_known_soon_and_the_old_one_still(ports: dict[str, int], log: Path) -> None:
    def impatient(config: dict[str, Any]) -> None:
        http_filter(config, "jwt_authn")["providers"]["argosy"]["remote_jwks"]["cache_duration"] = "1s"

    old, new = Issuer("old"), Issuer("new")
    published = [old]
    async with (
        jwks_server(published) as url,
        edge(environment(ports, url), log, without=("notification",), change=impatient) as running,
        running.client() as client,
    ):

        async def status(issuer: Issuer) -> int:
            return (await client.get("/api/v1/orders", headers=issuer.bearer())).status_code

        async def new_is_known() -> bool:
            return await status(new) == 200

        assert (await status(old), await status(new)) == (200, 401)
        published.append(new)
        await until(new_is_known, "the new key is known")
        assert await status(old) == 200
