"""Streams through the edge: each message as it comes, for as long as the service goes on."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import code_pb2

from argosy.order.v1 import order_pb2, order_pb2_grpc
from tests.integration.edge.harness import Context, Edge, Issuer, Upstream, edge, environment, manager

WATCH_ORDER = "/argosy.order.v1.OrderService/WatchOrder"
STATES = ("pending", "confirmed", "cancelled")
REST = "/api/v1/orders/o-1:watch"


class SteppedStream:
    """A stream that sends one more state for each `go_on`."""

    def __init__(self) -> None:
        self._go_on = asyncio.Semaphore(0)
        self.ended = asyncio.Event()

    def go_on(self) -> None:
        self._go_on.release()

    async def __call__(self, request: order_pb2.WatchOrderRequest, context: Context) -> Any:
        try:
            for status in STATES:
                await self._go_on.acquire()
                await context.write(order_pb2.Order(id=request.id, status=status))
        finally:
            self.ended.set()


@pytest.fixture
def stepped(upstream: Upstream) -> SteppedStream:
    stream = SteppedStream()
    upstream.answer(WATCH_ORDER, stream)
    return stream


async def test_over_rest_each_message_is_a_line_as_it_comes(
    client: httpx.AsyncClient, stepped: SteppedStream, issuer: Issuer
) -> None:
    stepped.go_on()
    async with client.stream("GET", REST, headers=issuer.bearer()) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        assert not [name for name in answer.headers if name.startswith("grpc-")]
        seen = []
        async for line in answer.aiter_lines():
            seen.append(json.loads(line)["status"])  # before the next one is even made
            stepped.go_on()
    assert tuple(seen) == STATES


async def test_by_grpc_each_message_comes(channel: grpc.aio.Channel, stepped: SteppedStream, issuer: Issuer) -> None:
    orders = order_pb2_grpc.OrderServiceStub(channel)
    stream = orders.WatchOrder(order_pb2.WatchOrderRequest(id="o-1"), metadata=list(issuer.bearer().items()))
    for status in STATES:
        stepped.go_on()
        assert await stream.read() == order_pb2.Order(id="o-1", status=status)
    assert await stream.read() is grpc.aio.EOF


async def test_by_grpc_web_each_message_comes(
    client: httpx.AsyncClient, stepped: SteppedStream, issuer: Issuer
) -> None:
    request = order_pb2.WatchOrderRequest(id="o-1").SerializeToString()
    headers = {**issuer.bearer(), "content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    body = struct.pack(">BI", 0, len(request)) + request
    stepped.go_on()
    seen, received = [], b""
    async with client.stream("POST", WATCH_ORDER, content=body, headers=headers) as answer:
        async for chunk in answer.aiter_bytes():
            received += chunk
            while len(received) >= 5 and len(received) >= 5 + (length := struct.unpack(">BI", received[:5])[1]):
                kind, message, received = received[0], received[5 : 5 + length], received[5 + length :]
                if kind == 0:
                    seen.append(order_pb2.Order.FromString(message).status)
                    stepped.go_on()
                else:
                    assert b"grpc-status:0" in message
    assert tuple(seen) == STATES


async def test_a_silent_stream_outlives_what_silence_costs_others(
    ports: dict[str, int], jwks_url: str, stepped: SteppedStream, issuer: Issuer, log: Path
) -> None:
    def impatient(config: dict[str, Any]) -> None:
        manager(config)["stream_idle_timeout"] = "0.2s"

    settings = environment(ports, jwks_url)
    async with edge(settings, log, without=("notification",), change=impatient) as running, running.client() as client:
        stepped.go_on()
        async with client.stream("GET", REST, headers=issuer.bearer()) as answer:
            seen = []
            async for line in answer.aiter_lines():
                seen.append(json.loads(line)["status"])
                await asyncio.sleep(1)
                stepped.go_on()
    assert tuple(seen) == STATES


async def test_a_client_that_leaves_is_known_to_the_service(
    running_edge: Edge, stepped: SteppedStream, issuer: Issuer
) -> None:
    stepped.go_on()
    async with running_edge.client() as client, client.stream("GET", REST, headers=issuer.bearer()) as answer:
        await anext(answer.aiter_lines())
    async with asyncio.timeout(30):
        await stepped.ended.wait()


async def test_a_refusal_is_an_error_like_any_other(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    assert (await client.get(REST)).status_code == 401

    async def unknown(_: Any, context: Context) -> Any:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "away")

    upstream.answer(WATCH_ORDER, unknown)
    answer = await client.get(REST, headers=issuer.bearer())
    assert (answer.status_code, answer.json()["code"]) == (503, code_pb2.UNAVAILABLE)
    assert len(upstream.called(WATCH_ORDER)) == 3  # no message had been sent: retried, as a read is


async def test_a_stream_that_breaks_off_is_not_begun_again(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    async def broken(_: Any, context: Context) -> Any:
        await context.write(order_pb2.Order(id="o-1", status="pending"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the service restarts")

    upstream.answer(WATCH_ORDER, broken)
    async with client.stream("GET", REST, headers=issuer.bearer()) as answer:
        assert [json.loads(line)["status"] async for line in answer.aiter_lines()] == ["pending"]
    assert len(upstream.called(WATCH_ORDER)) == 1
