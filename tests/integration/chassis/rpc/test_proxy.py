"""A proxy that the environment names serves calls to outsiders; calls between our own processes pass it by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

from local.ports import free_port
from services.chassis.rpc import policy
from services.chassis.rpc.client import ServiceChannel
from services.chassis.rpc.jwks import Jwks
from services.chassis.rpc.service_tokens import ServiceTokenSigner
from services.chassis.tracing import export
from services.chassis.tracing.settings import TracingSettings
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.ports import OutcomeUnknown
from tests.integration.chassis.rpc.conftest import Lab
from tests.integration.chassis.rpc.lab_contract import INTERNAL, lab_pb2, lab_pb2_grpc

_JWKS = {
    "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]
}  # RFC 8037, appendix A.2


@dataclass
class Proxy:
    """Notes the first line of whatever is sent to it, and refuses it."""

    asked: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A proxy for everything, as the environment has it."""
    made = Proxy()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, url)
        monkeypatch.setenv(name.upper(), url)
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield made
    server.close()
    await server.wait_closed()


async def test_a_call_to_another_service_passes_it_by(lab: Lab, proxy: Proxy) -> None:
    signer = ServiceTokenSigner("friend", lab.services.private["friend"])
    channel = ServiceChannel(f"127.0.0.1:{lab.app.grpc_port}", policy.read(INTERNAL), signer)
    await channel.start()
    try:
        answer = await lab_pb2_grpc.LabInternalServiceStub(channel).Internal(lab_pb2.Probe())
    finally:
        await channel.stop()
    assert answer.text == "Internal"
    assert proxy.asked == []


async def test_the_keys_of_user_tokens_are_fetched_past_it(proxy: Proxy) -> None:
    async def keys(_request: web.Request) -> web.Response:
        return web.json_response(_JWKS)

    app = web.Application()
    app.router.add_get("/jwks", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    jwks = Jwks(f"http://127.0.0.1:{port}/jwks")
    await jwks.start()
    assert await jwks.key("k") is not None
    await jwks.stop()
    await runner.cleanup()
    assert proxy.asked == []


async def test_spans_go_to_the_collector_past_it(proxy: Proxy) -> None:
    received: list[Any] = []

    class Collector(trace_service_pb2_grpc.TraceServiceServicer):
        async def Export(self, request: Any, _context: Any) -> Any:
            received.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settings = TracingSettings.model_validate({"otel_exporter_otlp_endpoint": f"http://127.0.0.1:{port}"})
    provider: TracerProvider = export.provider("shop", settings)
    with provider.get_tracer("test").start_as_current_span("work"):
        pass
    await asyncio.to_thread(provider.force_flush)
    await asyncio.to_thread(provider.shutdown)
    await server.stop(None)
    assert len(received) == 1
    assert proxy.asked == []


async def test_stripe_is_reached_through_it(proxy: Proxy) -> None:
    stripe = StripeProvider(SecretStr("sk_test_1"), "https://api.stripe.example", timeout=5)
    await stripe.start()
    with pytest.raises(OutcomeUnknown):
        await stripe.look_up("pi_1")
    await stripe.stop()
    assert proxy.asked[0] == "CONNECT api.stripe.example:443 HTTP/1.1"
