"""The edge refuses before it runs out of memory or connections, and one address cannot take all connections."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from google.rpc import code_pb2

from tests.integration.edge.harness import Upstream, edge, environment, error_of, manager, until

_PRESSURE = "envoy.resource_monitors.injected_resource"
_V3 = "envoy.extensions.resource_monitors.injected_resource.v3"
_INJECTED = f"type.googleapis.com/{_V3}.InjectedResourceConfig"


async def test_an_overloaded_edge_answers_503_with_retry_after(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, log: Path
) -> None:
    file = log.with_name("pressure")
    set_pressure(file, 0.1)
    settings = environment(ports, jwks_url)
    async with edge(settings, log, without=("notification",), change=partial(press, file)) as running:
        async with running.client() as client:
            assert (await client.get("/api/v1/products")).status_code == 200
        set_pressure(file, 0.99)

        async def refused() -> bool:
            async with running.client() as client:
                return (await client.get("/api/v1/products")).status_code == 503

        await until(refused, "the edge refuses")
        calls = len(upstream.calls)
        async with running.client() as client:
            answer = await client.get("/api/v1/products")
        assert error_of(answer) == (code_pb2.UNAVAILABLE, "UNAVAILABLE")
        assert int(answer.headers["retry-after"]) >= 1
        assert len(upstream.calls) == calls


def press(file: Path, config: dict[str, Any]) -> None:
    """Make an edge take the pressure from a file in place of the heap."""
    overload = config["overload_manager"]
    overload["resource_monitors"][1] = {"name": _PRESSURE, "typed_config": {"@type": _INJECTED, "filename": str(file)}}
    for action in overload["actions"]:
        action["triggers"][0]["name"] = _PRESSURE
    leave_connections(config)


def set_pressure(file: Path, share: float) -> None:
    """Set the share of the memory that the edge believes to be in use. Envoy notices a file that is moved there."""
    new = file.with_name("new")
    new.write_text(str(share))
    new.rename(file)


def leave_connections(config: dict[str, Any]) -> None:
    """Without the edge's own process, nobody counts connections."""
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    chain["filters"] = chain["filters"][-1:]
    clusters = config["static_resources"]["clusters"]
    clusters[:] = [one for one in clusters if one["name"] != "connections"]
    assert manager(config)


async def test_one_address_cannot_take_all_connections(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, log: Path
) -> None:
    settings = environment(ports, jwks_url, EDGE_CONNECTIONS_PER_ADDRESS="20")
    async with edge(settings, log, without=("notification",)) as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(40)]
        try:

            async def only_some_stay() -> bool:
                return sum(reader.at_eof() for reader, _ in held) >= 20

            await until(only_some_stay, "those over the limit are closed")
            assert sum(not reader.at_eof() for reader, _ in held) > 10
            # The tests' other clients are 127.0.0.1, like the greedy one.
            other = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
            async with httpx.AsyncClient(base_url=running.url, transport=other) as client:
                assert (await client.get("/api/v1/products")).status_code == 200
        finally:
            for _, writer in held:
                writer.close()

        async def has_room_again() -> bool:
            async with running.client() as client:
                try:
                    return (await client.get("/api/v1/products")).status_code == 200
                except httpx.TransportError:
                    return False

        await until(has_room_again, "closed connections no longer count")
