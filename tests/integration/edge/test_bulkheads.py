"""Sign-ins over the limit of concurrent calls are refused at the edge, and nothing else is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
from google.protobuf.message import Message
from google.rpc import code_pb2

from argosy.user.v1 import user_pb2
from tests.integration.edge.harness import Context, Edge, Upstream, error_of, until

LOGIN = "/argosy.user.v1.UserService/Login"
MOST = 128


async def test_sign_ins_over_the_limit_are_refused_at_once(running_edge: Edge, upstream: Upstream) -> None:
    opened = asyncio.Event()

    async def when_opened(_: Any, __: Context) -> Message:
        await opened.wait()
        return user_pb2.LoginResponse()

    upstream.answer(LOGIN, when_opened)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=running_edge.url, timeout=20, limits=limits) as client:
        first = [asyncio.create_task(client.post("/api/v1/users/login", json={})) for _ in range(MOST)]

        async def all_arrived() -> bool:
            return len(upstream.called(LOGIN)) == MOST

        await until(all_arrived, "as many as may are in flight")
        more = await asyncio.gather(*(client.post("/api/v1/users/login", json={}) for _ in range(20)))
        assert Counter(answer.status_code for answer in more) == {503: 20}
        for answer in more:
            assert error_of(answer) == (code_pb2.UNAVAILABLE, "UNAVAILABLE")
            assert int(answer.headers["retry-after"]) >= 1
        # Other rpcs of the same service, and of others, have room.
        assert (await client.get("/api/v1/products")).status_code == 200
        assert (await client.post("/api/v1/users/password-reset", json={})).status_code == 200
        opened.set()
        assert Counter(answer.status_code for answer in await asyncio.gather(*first)) == {200: MOST}
        assert len(upstream.called(LOGIN)) == MOST
