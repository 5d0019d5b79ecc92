"""Several edges, one count: with RATE_LIMIT_SERVICE a caller's allowance is the same whichever edge they meet."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import code_pb2

from argosy.user.v1 import user_pb2, user_pb2_grpc
from mesh import setup
from tests.integration.edge.counting import Counting, counting
from tests.integration.edge.harness import Edge, Issuer, edge, environment, error_of, http_filter
from tests.integration.edge.refusal_counts import counted

ME = "/api/v1/users/me"
ALLOWED = 100
"""Calls a minute of the group `users`."""
OF_EACH = 75
"""Fewer than an edge alone would let through, more than half of what both may."""


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """The first time it builds the counter: a minute."""
    assert setup.main("ratelimit", "redis") == 0


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counting]:
    async with counting(tmp_path) as running:
        yield running


def _patient(config: dict[str, Any]) -> None:
    """However slow the machine, the count is waited for."""
    shared = http_filter(config, "shared_limit")
    shared["timeout"] = shared["rate_limit_service"]["grpc_service"]["timeout"] = "10s"


@asynccontextmanager
async def two_edges(
    ports: dict[str, int], jwks_url: str, folder: Path, counter: Counting | None
) -> AsyncIterator[list[Edge]]:
    shared = {} if counter is None else {"RATE_LIMIT_SERVICE": counter.address}
    logs = [folder / name / "edge.log" for name in ("one", "other")]
    for log in logs:
        log.parent.mkdir()
    change = None if counter is None else _patient
    one, other = (
        edge(environment(ports, jwks_url, **shared), log, without=("notification",), change=change) for log in logs
    )
    async with one as first, other as second:
        yield [first, second]


async def calls(edges: list[Edge], bearer: dict[str, str]) -> list[httpx.Response]:
    """So many calls to each edge, a few at once."""

    async def to(one: Edge) -> list[httpx.Response]:
        async with one.client() as client:
            return [await client.get(ME, headers=bearer) for _ in range(OF_EACH)]

    return [answer for answers in await asyncio.gather(*map(to, edges)) for answer in answers]


async def in_one_minute(edges: list[Edge], issuer: Issuer) -> tuple[str, list[httpx.Response]]:
    """Calls by somebody new, all in one minute of the clock: the windows are fixed. Their id, and the answers."""
    while True:
        subject = issuer.claims()["sub"]
        minute = time.time() // 60
        answers = await calls(edges, issuer.bearer(sub=subject))
        if time.time() // 60 == minute:
            return subject, answers


async def test_two_edges_share_one_count(
    ports: dict[str, int], jwks_url: str, issuer: Issuer, counter: Counting, tmp_path: Path
) -> None:
    async with two_edges(ports, jwks_url, tmp_path, counter) as edges:
        subject, answers = await in_one_minute(edges, issuer)
        codes = Counter(answer.status_code for answer in answers)
        assert codes == {200: ALLOWED, 429: 2 * OF_EACH - ALLOWED}
        refused = [(await counted(one))["SHARED_LIMIT"] for one in edges]
        assert sum(refused) == codes[429]
        # What is refused is used up of no other window, but for calls of both edges at the very moment of the last one.
        (used,) = await counter.counted("hour", subject)
        assert ALLOWED <= used < ALLOWED + len(edges)
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
        if answer.status_code == 429:
            assert error_of(answer) == (code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        else:
            assert "retry-after" not in answer.headers


async def test_without_it_each_counts_for_itself(
    ports: dict[str, int], jwks_url: str, issuer: Issuer, tmp_path: Path
) -> None:
    """The control."""
    async with two_edges(ports, jwks_url, tmp_path, None) as edges:
        answers = await calls(edges, issuer.bearer())
    assert Counter(answer.status_code for answer in answers) == {200: 2 * OF_EACH}


async def test_grpc_callers_are_limited_too(
    ports: dict[str, int], jwks_url: str, issuer: Issuer, counter: Counting, tmp_path: Path
) -> None:
    async with two_edges(ports, jwks_url, tmp_path, counter) as edges:
        subject, _ = await in_one_minute(edges, issuer)
        minute = time.time() // 60
        async with grpc.aio.insecure_channel(edges[0].target) as channel:
            call = user_pb2_grpc.UserServiceStub(channel).GetUser(
                user_pb2.GetUserRequest(id="me"), metadata=list(issuer.bearer(sub=subject).items())
            )
            code = await call.code()
            metadata = {**dict(await call.initial_metadata()), **dict(await call.trailing_metadata())}
    if time.time() // 60 == minute:
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert 1 <= int(metadata["retry-after"]) <= 60


async def test_when_nobody_counts_calls_pass_as_far_as_an_edge_alone_lets_them(
    ports: dict[str, int], jwks_url: str, issuer: Issuer, counter: Counting, tmp_path: Path
) -> None:
    async with two_edges(ports, jwks_url, tmp_path, counter) as edges:
        await counter.kill()
        answers = await calls(edges, issuer.bearer())
        assert Counter(answer.status_code for answer in answers) == {200: 2 * OF_EACH}
        bearer = issuer.bearer()
        async with edges[0].client() as client:
            at_once = await asyncio.gather(*(client.get(ME, headers=bearer) for _ in range(150)))
        assert Counter(answer.status_code for answer in at_once)[429] > 0
