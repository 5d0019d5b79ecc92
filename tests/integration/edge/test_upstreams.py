"""What the edge does when a service is slow, away, or NOT_SERVING."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2

from argosy.order.v1 import order_pb2, order_pb2_grpc
from services.chassis.rpc.refusals import refusal_of
from tests.integration.edge.harness import (
    Context,
    Edge,
    Issuer,
    Upstream,
    edge,
    environment,
    error_of,
    manager,
    until,
)
from tests.integration.edge.harness import upstream as running_upstream
from tests.integration.edge.test_rest import CREATE_ORDER, GET_ORDER

LOGIN = "/argosy.user.v1.UserService/Login"
GET_USER = "/argosy.user.v1.UserService/GetUser"
ORDER_SERVICE = "argosy.order.v1.OrderService"


async def away(_: Any, context: Context) -> Message:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the database is away")
    raise AssertionError("abort raises")


async def never(_: Any, __: Context) -> Message:
    await asyncio.sleep(3600)
    raise AssertionError("nobody waits an hour")


async def test_a_read_is_retried_as_often_as_the_contract_allows(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    upstream.answer(GET_ORDER, away)
    answer = await client.get("/api/v1/orders/1", headers=issuer.bearer())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert len(upstream.called(GET_ORDER)) == 1 + 2


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
async def test_a_read_that_succeeds_when_repeated_is_a_success(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, code: grpc.StatusCode
) -> None:
    async def not_at_first(_: Any, context: Context) -> Message:
        if len(upstream.calls) == 1:
            await context.abort(code, "not yet")
        return order_pb2.Order(id="o-1")

    upstream.answer(GET_ORDER, not_at_first)
    answer = await client.get("/api/v1/orders/1", headers=issuer.bearer())
    assert (answer.status_code, answer.json()["id"]) == (200, "o-1")
    assert len(upstream.calls) == 2


async def test_a_call_that_the_service_has_not_begun_is_unavailable_and_not_cancelled(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, channel: grpc.aio.Channel
) -> None:
    """As gRPC answers in a service that stops: only the client could have cancelled, and it has not."""

    async def cancelled(_: Any, context: Context) -> Message:
        await context.abort(grpc.StatusCode.CANCELLED, "CANCELLED")
        raise AssertionError("abort raises")

    upstream.answer(CREATE_ORDER, cancelled)
    answer = await client.post("/api/v1/orders", json={}, headers=issuer.bearer())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert error_of(answer) == (code_pb2.UNAVAILABLE, "UNAVAILABLE")

    call = order_pb2_grpc.OrderServiceStub(channel).CreateOrder
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(order_pb2.CreateOrderRequest(), metadata=list(issuer.bearer().items()))
    refusal = refusal_of(failure.value)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert len(upstream.called(CREATE_ORDER)) == 2


async def test_a_change_is_never_repeated_whatever_the_client_asks_for(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    upstream.answer(CREATE_ORDER, away)
    wishes = {
        "x-envoy-retry-on": "5xx,gateway-error,retriable-status-codes",
        "x-envoy-retry-grpc-on": "unavailable,cancelled",
        "x-envoy-retriable-status-codes": "503",
        "x-envoy-max-retries": "3",
        "x-envoy-hedge-on-per-try-timeout": "true",
    }
    answer = await client.post("/api/v1/orders", json={}, headers={**issuer.bearer(), **wishes})
    assert answer.status_code == 503
    assert len(upstream.called(CREATE_ORDER)) == 1


def in_a_hurry(config: dict[str, Any]) -> None:
    """Everything twenty times as fast."""
    for route in manager(config)["route_config"]["virtual_hosts"][0]["routes"]:
        action = route.get("route", {})
        if "timeout" in action:
            action["timeout"] = faster(action["timeout"])
        if "per_try_timeout" in action.get("retry_policy", {}):
            action["retry_policy"]["per_try_timeout"] = faster(action["retry_policy"]["per_try_timeout"])
            # Envoy's own pauses between tries (25 to 250 ms) would leave no time for all of them.
            action["retry_policy"]["retry_back_off"] = {"base_interval": "0.002s", "max_interval": "0.01s"}


def faster(duration: str) -> str:
    return f"{float(duration.removesuffix('s')) / 20}s"


async def test_no_answer_in_time_is_504_and_the_call_is_cancelled(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    """A change is tried once, a read again and again."""
    stopped: list[str] = []

    def slow(path: str) -> Any:
        async def answer(request: Any, context: Context) -> Message:
            try:
                return await never(request, context)
            finally:
                stopped.append(path)

        return answer

    upstream.answer(LOGIN, slow(LOGIN))
    upstream.answer(GET_USER, slow(GET_USER))
    settings = environment(ports, jwks_url)
    async with (
        edge(settings, log, without=("notification",), change=in_a_hurry) as running,
        running.client() as client,
    ):
        changing = await client.post("/api/v1/users/login", json={})
        reading = await client.get("/api/v1/users/me", headers=issuer.bearer())
    for answer in (changing, reading):
        assert answer.status_code == 504
        assert error_of(answer) == (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert len(upstream.called(LOGIN)) == 1
    assert len(upstream.called(GET_USER)) == 1 + 3

    async def all_stopped() -> bool:
        return sorted(stopped) == sorted([LOGIN, *[GET_USER] * 4])

    await until(all_stopped, "every call was cancelled")


@pytest.fixture
async def second() -> AsyncIterator[Upstream]:
    """Another instance of every service."""
    async with running_upstream() as running:
        yield running


@pytest.fixture
async def doubled(
    upstream: Upstream, second: Upstream, ports: dict[str, int], jwks_url: str, log: Path
) -> AsyncIterator[Edge]:
    """An edge with two instances of order behind it."""
    both = f"127.0.0.1:{upstream.port},127.0.0.1:{second.port}"
    settings = environment(ports, jwks_url, ORDER_TARGET=both, RATE_LIMIT_MULTIPLIER="1000")
    async with edge(settings, log, without=("notification",)) as running:
        yield running


async def test_a_failed_read_goes_to_another_instance(
    doubled: Edge, upstream: Upstream, second: Upstream, issuer: Issuer
) -> None:
    await until(lambda: both_take_calls(doubled, upstream, second, issuer), "both instances take calls")
    upstream.answer(GET_ORDER, away)
    async with doubled.client() as client:
        answers = [await client.get("/api/v1/orders/1", headers=issuer.bearer()) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert upstream.called(GET_ORDER)


async def test_an_instance_that_does_not_serve_gets_no_calls_and_without_any_the_edge_answers_503(
    doubled: Edge, upstream: Upstream, second: Upstream, issuer: Issuer
) -> None:
    await until(lambda: both_take_calls(doubled, upstream, second, issuer), "both instances take calls")
    async with doubled.client() as client:

        async def get() -> int:
            return (await client.get("/api/v1/orders/1", headers=issuer.bearer())).status_code

        async def only_the_second() -> bool:
            upstream.forget()
            second.forget()
            assert {await get() for _ in range(10)} == {200}
            return not upstream.calls and len(second.calls) == 10

        async def nobody() -> bool:
            return await get() == 503

        try:
            await upstream.health.set(ORDER_SERVICE, health_pb2.HealthCheckResponse.NOT_SERVING)
            await until(only_the_second, "the first instance gets no calls")
            await second.health.set(ORDER_SERVICE, health_pb2.HealthCheckResponse.NOT_SERVING)
            await until(nobody, "nobody is called")
        finally:
            await upstream.health.set(ORDER_SERVICE, health_pb2.HealthCheckResponse.SERVING)


async def both_take_calls(doubled: Edge, upstream: Upstream, second: Upstream, issuer: Issuer) -> bool:
    async with doubled.client() as client:
        for _ in range(10):
            await client.get("/api/v1/orders/1", headers=issuer.bearer())
    taken = bool(upstream.calls) and bool(second.calls)
    upstream.forget()
    second.forget()
    return taken
