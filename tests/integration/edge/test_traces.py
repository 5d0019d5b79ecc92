"""What the edge records of a request, and who decides that it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local.ports import free_port
from local.traces.receiver import server
from local.traces.spans import Kept
from local.traces.store import SpanStore, read
from services.chassis.plain import trace_context
from tests.integration.edge.harness import Edge, Issuer, Upstream, edge, environment
from tests.support.shop import until

GET = "/argosy.inventory.v1.ProductService/GetProduct"
PATH = "/api/v1/products/prod-1"


@dataclass(frozen=True)
class Traced:
    """An edge, and the spans that it exports."""

    edge: Edge
    upstream: Upstream
    folder: Path

    async def get(self, path: str = PATH, headers: Mapping[str, str] | None = None) -> str:
        """One request; the traceparent that the service got."""
        before = len(self.upstream.called(GET))
        async with self.edge.client() as client:
            assert (await client.get(path, headers=headers)).status_code == 200
        return self.upstream.called(GET)[before].metadata["traceparent"]

    async def spans(self, traceparent: str, count: int) -> list[Kept]:
        """A trace's spans, once there are so many."""

        async def look() -> list[Kept]:
            return [span for span in read(self.folder) if span["traceId"] == trace_context.trace_id(traceparent)]

        return await until(look, lambda found: len(found) >= count, "spans")


@asynccontextmanager
async def traced(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, folder: Path, **more: str
) -> AsyncIterator[Traced]:
    port = free_port()
    store = SpanStore(folder)
    receiver = server(store, f"127.0.0.1:{port}")
    await receiver.start()
    settings = environment(ports, jwks_url, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", **more)
    try:
        async with edge(settings, folder / "edge.log", without=("notification",)) as running:
            yield Traced(running, upstream, folder)
    finally:
        await receiver.stop(1)
        store.close()


async def test_a_request_is_two_spans(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, issuer: Issuer, tmp_path: Path
) -> None:
    async with traced(ports, jwks_url, upstream, tmp_path) as edge:
        own = trace_context.new()
        headers = {"traceparent": own, **issuer.bearer(sub="somebody")}
        sent = await edge.get(PATH, headers)
        client, ours = sorted(await edge.spans(own, 2), key=lambda span: span["kind"])
        assert (client["kind"], ours["kind"]) == ("client", "server")
        assert (client["parentSpanId"], ours["parentSpanId"]) == (ours["spanId"], own[36:52])
        assert sent == f"00-{ours['traceId']}-{client['spanId']}-01"
        assert ours["name"] == "GET inventory.GetProduct"
        assert ours["attributes"]["url.path"] == PATH
        assert ours["attributes"]["user.id"] == "somebody"
        assert int(ours["attributes"]["response_size"]) >= 0
        assert ours["service"] == "edge"


async def test_what_a_caller_wants_recorded_is_for_the_edge_to_decide(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, tmp_path: Path
) -> None:
    none = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    async with traced(ports, jwks_url, upstream, tmp_path, **none) as edge:
        wanted = trace_context.new()
        sent = await edge.get(headers={"traceparent": wanted})
        # The trace goes on, unrecorded: services follow that.
        assert trace_context.trace_id(sent) == trace_context.trace_id(wanted)
        assert sent.endswith("-00")
        assert (await edge.get()).endswith("-00")
        assert list(read(tmp_path)) == []


async def test_a_trusted_proxy_has_decided(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, tmp_path: Path
) -> None:
    behind = {"EDGE_TRUSTED_HOPS": "1", "OTEL_TRACES_SAMPLER": "parentbased_always_off"}
    async with traced(ports, jwks_url, upstream, tmp_path, **behind) as edge:
        wanted = trace_context.new()
        assert (await edge.get(headers={"traceparent": wanted})).endswith("-01")
        assert (await edge.get(headers={"traceparent": wanted[:-1] + "0"})).endswith("-00")
        assert (await edge.get()).endswith("-00")
        assert len(await edge.spans(wanted, 2)) == 2


async def test_a_query_is_in_no_span(ports: dict[str, int], jwks_url: str, upstream: Upstream, tmp_path: Path) -> None:
    async with traced(ports, jwks_url, upstream, tmp_path) as edge:
        own = trace_context.new()
        async with edge.edge.client() as client:
            await client.get("/api/v1/products", params={"pageToken": "canary-4711"}, headers={"traceparent": own})
            await client.get("/api/v1/nowhere", params={"token": "canary-4711"}, headers={"traceparent": own})
        spans = await edge.spans(own, 3)
        assert {span["attributes"]["url.path"] for span in spans} == {"/api/v1/products", "/api/v1/nowhere"}
        assert "canary" not in repr(spans)
        assert "canary" not in (tmp_path / "edge.log").read_text()
