"""What one caller may do in a minute and in an hour. Calls are sent in quick floods: a bucket refills meanwhile."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import code_pb2

from argosy.user.v1 import user_pb2, user_pb2_grpc
from tests.integration.edge.harness import Edge, Issuer, Upstream, edge, environment, error_of, http_filter

GET_USER = "/argosy.user.v1.UserService/GetUser"
WEBHOOK = "/argosy.payment.v1.PaymentService/HandleStripeWebhook"
IN_FLIGHT = 20
"""More at once are slower: httpx goes through all that wait each time one is answered. The upstream, which shares this
thread, would then be silent for so long that the edge takes it for dead."""


@pytest.fixture(scope="module")
async def limited_edge(
    ports: dict[str, int], jwks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    """An edge with the limits of the contract."""
    log = tmp_path_factory.mktemp("limited") / "edge.log"
    async with edge(environment(ports, jwks_url), log, without=("notification",)) as running:
        yield running


@pytest.fixture
async def limited(limited_edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with limited_edge.client() as client:
        yield client


async def many(
    client: httpx.AsyncClient, calls: int, path: str, headers: Mapping[str, str], method: str = "GET"
) -> Counter[int]:
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def status() -> int:
        async with slots:
            return (await client.request(method, path, headers=headers)).status_code

    return Counter(await asyncio.gather(*(status() for _ in range(calls))))


async def test_the_hundred_and_first_call_in_a_minute_is_429(
    limited: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    bearer = issuer.bearer()
    seen = await many(limited, 150, "/api/v1/users/me", bearer)
    assert set(seen) == {200, 429}
    assert seen[200] >= 100
    assert len(upstream.called(GET_USER)) == seen[200]

    refused = next(
        answer
        for answer in [await limited.get("/api/v1/users/me", headers=bearer) for _ in range(20)]
        if answer.status_code == 429
    )
    assert error_of(refused) == (code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert int(refused.headers["retry-after"]) >= 1


async def test_callers_and_groups_do_not_use_up_each_others_allowance(
    limited: httpx.AsyncClient, limited_edge: Edge, issuer: Issuer
) -> None:
    bearer = issuer.bearer()
    assert (await many(limited, 150, "/api/v1/users/me", bearer))[429] > 0
    assert (await limited.get("/api/v1/orders", headers=bearer)).status_code == 200
    assert (await limited.get("/api/v1/users/me", headers=issuer.bearer())).status_code == 200
    # The same person is the same caller, by whatever client and session.
    async with limited_edge.client() as other_client:
        assert (await many(other_client, 20, "/api/v1/users/me", bearer))[429] > 0


async def test_callers_without_a_token_are_counted_by_address_whatever_they_send(
    limited: httpx.AsyncClient, issuer: Issuer
) -> None:
    assert (await many(limited, 400, "/api/v1/products", {}))[429] > 0
    disguises = [
        {"x-forwarded-for": "198.51.100.1"},
        {"x-edge-subject": "somebody"},
        {"authorization": "Basic eDp5"},
        {"x-client-address": "198.51.100.1"},
    ]
    for disguise in disguises:
        assert (await many(limited, 20, "/api/v1/products", disguise))[429] > 0, disguise
    assert (await limited.get("/api/v1/products", headers=issuer.bearer())).status_code == 200


async def test_registering_and_the_like_count_by_address_whoevers_token_they_carry(
    limited: httpx.AsyncClient, issuer: Issuer
) -> None:
    tokens = [issuer.bearer() for _ in range(8)]
    paths = ("login", "register", "password-reset", "password-reset:confirm", "verify-email", "email-change:undo")
    seen: Counter[int] = Counter()
    for number in range(240):
        path, bearer = paths[number % len(paths)], tokens[number % len(tokens)]
        seen[(await limited.post(f"/api/v1/users/{path}", headers=bearer, json={})).status_code] += 1
    assert seen[429] > 100, seen
    assert (await limited.get("/api/v1/users/me", headers=tokens[0])).status_code == 200  # the person's own calls


async def test_an_hours_allowance_ends_too(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    def forget_the_minute(config: dict[str, Any]) -> None:
        for descriptor in http_filter(config, "limit_by_minute")["descriptors"]:
            descriptor["token_bucket"]["max_tokens"] = 1_000_000

    bearer = issuer.bearer()
    settings = environment(ports, jwks_url)
    async with (
        edge(settings, log, without=("notification",), change=forget_the_minute) as running,
        running.client() as client,
    ):
        seen = sum([await many(client, 100, "/api/v1/users/me", bearer) for _ in range(12)], Counter())
        refused = await client.get("/api/v1/users/me", headers=bearer)
    assert set(seen) == {200, 429}
    assert seen[200] >= 1000
    assert len(upstream.called(GET_USER)) == seen[200]
    assert error_of(refused) == (code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert int(refused.headers["retry-after"]) >= 3600 / 1000


async def test_webhooks_are_not_limited(limited: httpx.AsyncClient, upstream: Upstream) -> None:
    seen = await many(limited, 400, "/api/v1/webhooks/stripe", {"stripe-signature": "t=1,v1=abc"}, "POST")
    assert seen == {200: 400}
    assert len(upstream.called(WEBHOOK)) == 400


async def test_grpc_callers_get_resource_exhausted(limited_edge: Edge, issuer: Issuer) -> None:
    async with grpc.aio.insecure_channel(limited_edge.target) as channel:
        users = user_pb2_grpc.UserServiceStub(channel)
        bearer = list(issuer.bearer().items())
        calls = [users.GetUser(user_pb2.GetUserRequest(id="me"), metadata=bearer) for _ in range(150)]
        codes = Counter([await call.code() for call in calls])
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
