"""Each refusal of the edge counts under its reason (monitoring/rules/edge.yaml), and the access log has the caller."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message

from argosy.user.v1 import user_pb2
from edge.refusals import refusals
from tests.integration.edge.harness import Context, Edge, Issuer, Upstream, edge, environment, http_filter, until
from tests.integration.edge.refusal_counts import counted, reasons
from tests.integration.edge.test_overload import press, set_pressure

LOGIN = "/argosy.user.v1.UserService/Login"
CONNECTIONS = 40
HERE = frozenset(
    {
        *("LIMIT_BY_MINUTE", "LIMIT_BY_HOUR", "TOKEN", "BODY_TOO_LARGE", "BULKHEAD", "NO_INSTANCE"),
        *("OVERLOADED", "CONNECTIONS", "CONNECTIONS_PER_ADDRESS"),
    }
)
"""Tried in this file. test_shared_limits has SHARED_LIMIT."""
Do = Callable[[httpx.AsyncClient], Awaitable[object]]


def test_every_reason_is_tried() -> None:
    assert reasons().keys() == HERE | {"SHARED_LIMIT"}


@pytest.fixture
def pressure(tmp_path: Path) -> Path:
    """The file with the share of the memory that the edge believes to be in use."""
    file = tmp_path / "pressure"
    set_pressure(file, 0.1)
    return file


@pytest.fixture
async def small(ports: dict[str, int], jwks_url: str, log: Path, pressure: Path) -> AsyncIterator[Edge]:
    """An edge with little of everything."""

    def shrink(config: dict[str, Any]) -> None:
        for window, group in (("limit_by_minute", "users"), ("limit_by_hour", "orders")):
            for descriptor in http_filter(config, window)["descriptors"]:
                if descriptor["entries"] == [{"key": "group", "value": group}, {"key": "subject"}]:
                    descriptor["token_bucket"] = {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "3600s"}
        (passwords,) = (one for one in config["static_resources"]["clusters"] if one["name"] == "user-passwords")
        passwords["circuit_breakers"]["thresholds"][0]["max_requests"] = 1
        connections = config["overload_manager"]["resource_monitors"][0]
        connections["typed_config"]["max_active_downstream_connections"] = CONNECTIONS
        press(pressure, config)

    async with edge(environment(ports, jwks_url), log, without=("notification",), change=shrink) as running:
        yield running


async def growth(running: Edge, do: Do) -> Counter[str]:
    """What is counted more after some calls."""
    before = await counted(running)
    async with running.client() as client:
        await do(client)
    return await counted(running) - before


def without_requests(grown: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in grown.items() if reason not in ("received", "forwarded")}


async def test_requests_count_under_their_reason(small: Edge, upstream: Upstream, issuer: Issuer) -> None:
    bearer = issuer.bearer()
    statuses: Counter[int] = Counter()

    def times(calls: int, method: str, path: str, **more: Any) -> Do:
        async def do(client: httpx.AsyncClient) -> None:
            statuses.clear()
            for _ in range(calls):
                statuses[(await client.request(method, path, **more)).status_code] += 1

        return do

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 10_000

    json = {"content-type": "application/json"}
    assert without_requests(await growth(small, times(3, "GET", "/api/v1/users/me"))) == {"TOKEN": 3}
    assert without_requests(await growth(small, times(2, "GET", "/api/v1/notifications", headers=bearer))) == {
        "NO_INSTANCE": 2
    }
    grown = await growth(small, times(1, "POST", "/api/v1/orders", headers={**bearer, **json}, content=chunks()))
    assert without_requests(grown) == {"BODY_TOO_LARGE": 1}

    grown = await growth(small, times(4, "GET", "/api/v1/orders", headers=bearer))
    assert statuses == {200: 1, 429: 3}
    assert without_requests(grown) == {"LIMIT_BY_HOUR": 3}

    grown = await growth(small, times(4, "GET", "/api/v1/users/me", headers=bearer))
    assert statuses == {200: 1, 429: 3}
    assert without_requests(grown) == {"LIMIT_BY_MINUTE": 3}

    # What no counter names was received and is not forwarded.
    twice = b'{"email": "a", "email": "b"}'
    grown = await growth(small, times(2, "POST", "/api/v1/users/register", headers=json, content=twice))
    grown += await growth(small, times(1, "POST", "/api/v1/users/register", headers=json, content=b"x" * 300_000))
    grown += await growth(small, times(1, "GET", "/api/v1/nowhere"))
    assert grown == {"received": 4}


async def test_a_full_bulkhead_counts(small: Edge, upstream: Upstream) -> None:
    opened = asyncio.Event()

    async def when_opened(_: Any, __: Context) -> Message:
        await opened.wait()
        return user_pb2.LoginResponse()

    upstream.answer(LOGIN, when_opened)

    async def two_at_once(client: httpx.AsyncClient) -> None:
        first = asyncio.create_task(client.post("/api/v1/users/login", json={}))
        await until(_as_async(lambda: bool(upstream.called(LOGIN))), "the first is in flight")
        assert (await client.post("/api/v1/users/login", json={})).status_code == 503
        opened.set()
        assert (await first).status_code == 200

    assert await growth(small, two_at_once) == {"BULKHEAD": 1, "received": 2, "forwarded": 2}


async def test_an_edge_without_room_counts(small: Edge, pressure: Path, upstream: Upstream) -> None:
    async def connect(__: httpx.AsyncClient) -> None:
        held = [await asyncio.open_connection("127.0.0.1", small.port) for _ in range(2 * CONNECTIONS)]
        try:
            await until(_as_async(lambda: sum(reader.at_eof() for reader, _ in held) >= CONNECTIONS), "some are closed")
        finally:
            for _, writer in held:
                writer.close()

    assert without_requests(await growth(small, connect)).keys() == {"CONNECTIONS"}

    set_pressure(pressure, 0.99)
    refused = 0

    async def until_refused(_: httpx.AsyncClient) -> None:
        async def is_refused() -> bool:
            nonlocal refused
            try:
                async with small.client() as client:
                    refused += (await client.get("/api/v1/products")).status_code == 503
            except httpx.TransportError:  # connections of before are still counted
                return False
            return refused > 0

        await until(is_refused, "the edge refuses")

    assert (await growth(small, until_refused))["OVERLOADED"] == refused


async def test_connections_of_one_address_count(ports: dict[str, int], jwks_url: str, log: Path) -> None:
    settings = environment(ports, jwks_url, EDGE_CONNECTIONS_PER_ADDRESS="20")
    async with edge(settings, log, without=("notification",)) as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(40)]
        try:
            await until(_as_async(lambda: sum(reader.at_eof() for reader, _ in held) >= 20), "some are closed")
            closed = sum(reader.at_eof() for reader, _ in held)
            assert (await counted(running))["CONNECTIONS_PER_ADDRESS"] >= closed
        finally:
            for _, writer in held:
                writer.close()


async def test_the_access_log_says_who_is_refused(small: Edge, upstream: Upstream, issuer: Issuer) -> None:
    greedy = issuer.claims()["sub"]
    async with small.client() as client:
        for _ in range(4):
            await client.get("/api/v1/orders", headers=issuer.bearer(sub=greedy))
        await client.get("/api/v1/orders")

    async def is_written() -> bool:
        # Envoy writes its log every few seconds.
        found = {one.why: one for one in refusals(small.log.read_text().splitlines())}
        return "429 local_rate_limited" in found and found["429 local_rate_limited"].callers == {greedy: 3}

    await until(is_written, f"the refusals are in {small.log}", seconds=60)


def _as_async(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def answer() -> bool:
        return condition()

    return answer
