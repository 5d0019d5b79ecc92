"""What the stack's collector has: spans, and who called or fed whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.traces.spans import Kept
from local.traces.store import read
from tests.support.real_stack import RealStack
from tests.support.shop import until


@dataclass(frozen=True)
class Edge:
    """One step from part to part: `how` is rpc, http, a topic's name, or sql and such for a store."""

    source: str
    how: str
    target: str


def spans(stack: RealStack, trace_id: str | None = None) -> list[Kept]:
    """All spans that were exported so far; of one trace, or of all."""
    return [span for span in read(stack.stack.traces_directory) if trace_id in (None, span["traceId"])]


async def until_traced(stack: RealStack, trace_id: str, good: Callable[[list[Kept]], object], what: str) -> list[Kept]:
    """A trace's spans, once all that is waited for has arrived: parts export them in batches, a moment later."""

    async def look() -> list[Kept]:
        return spans(stack, trace_id)

    return await until(look, good, what)


def edges(found: list[Kept], *, stripe_port: int) -> set[Edge]:
    """The steps between parts in some spans."""
    by_id = {span["spanId"]: span for span in found}
    steps = set()
    for span in found:
        parent = by_id.get(span["parentSpanId"])
        attributes = span["attributes"]
        if span["kind"] == "client" and attributes.get("server.port") == stripe_port:
            steps.add(Edge(span["service"], "http", "stripe"))
        if parent is None:
            continue
        if span["kind"] == "server" and parent["kind"] == "client":
            steps.add(Edge(parent["service"], "rpc", span["service"]))
        if span["kind"] == "consumer" and parent["kind"] == "producer":
            steps.add(Edge(parent["service"], attributes["messaging.destination.name"], span["service"]))
        if "db.system.name" in attributes:
            steps.add(Edge(span["service"], "query", attributes["db.system.name"]))
    return steps
