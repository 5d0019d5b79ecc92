"""Spans are put together to the trees that they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from cli import spans
from cli.trace import draw
from local.traces.store import SpanStore, files, read

MS = 1_000_000


def span(name: str, parent: str = "", *, at: int = 0, trace: str = "a" * 32, **attributes: Any) -> dict[str, Any]:
    """One that takes 2 ms."""
    return {
        "traceId": trace, "spanId": name, "parentSpanId": parent, "name": name, "kind": "server",
        "service": f"{name}-service", "start": at * MS, "end": (at + 2) * MS, "status": "unset", "statusMessage": "",
        "attributes": attributes, "events": [],
    }  # fmt: skip


def test_a_tree_in_the_order_of_time_whatever_the_order_of_arrival() -> None:
    (trace,) = spans.traces([span("c", "a", at=3), span("b", "a", at=1), span("a"), span("d", "c", at=4)])
    assert [root.span["name"] for root in trace.roots] == ["a"]
    assert [child.span["name"] for child in trace.roots[0].children] == ["b", "c"]
    assert trace.milliseconds == 6.0
    assert trace.services == ["a-service", "b-service", "c-service", "d-service"]
    tree = trace.tree()
    assert tree["roots"][0]["children"][1]["children"][0]["atMs"] == 4.0
    assert json.dumps(tree)


def test_what_a_caller_began_has_its_first_known_spans_as_roots() -> None:
    (trace,) = spans.traces([span("a", "elsewhere"), span("b", "elsewhere", at=1)])
    assert [root.span["name"] for root in trace.roots] == ["a", "b"]


def test_traces_are_found_by_their_id_and_by_what_they_are_about() -> None:
    found = spans.traces(
        [span("a", order="order-1"), span("b", trace="b" * 32, at=9, **{"url.path": "/orders/order-2"})]
    )
    assert [trace.id for trace in spans.about(found, "order-1")] == ["a" * 32]
    assert [trace.id for trace in spans.about(found, "order-2")] == ["b" * 32]
    assert [trace.id for trace in spans.about(found, "b" * 32)] == ["b" * 32]
    assert spans.about(found, "order-3") == []


def test_a_drawing_shows_errors_and_leaves_queries_out_unless_asked() -> None:
    broken = {**span("b", "a", at=1), "status": "error", "attributes": {"error.type": "UNAVAILABLE"}}
    query = span("SELECT", "b", at=1, **{"db.system.name": "postgresql", "db.query.text": "SELECT\n  1"})
    (trace,) = spans.traces([span("a"), broken, query])
    console = Console(width=120)
    with console.capture() as brief:
        console.print(draw(trace, queries=False))
    with console.capture() as whole:
        console.print(draw(trace, queries=True))
    assert "2.0 ms b-service b UNAVAILABLE +1.0" in brief.get()
    assert "SELECT" not in brief.get()
    assert "SELECT-service SELECT 1 " in whole.get()


def test_the_collector_keeps_what_fits_and_drops_the_oldest(tmp_path: Path) -> None:
    store = SpanStore(tmp_path, most_bytes=2000)
    for number in range(30):
        store.add([span(f"s{number}")])
    store.close()
    kept = [one["name"] for one in spans.read(files(tmp_path))]
    assert kept == [one["name"] for one in read(tmp_path)]
    assert kept[-1] == "s29"
    assert "s0" not in kept
    assert sum(path.stat().st_size for path in files(tmp_path)) < 5000


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    store = SpanStore(tmp_path)
    store.add([span("whole")])
    store.close()
    with files(tmp_path)[0].open("a") as file:
        file.write('{"half')
    assert [one["name"] for one in spans.read(files(tmp_path))] == ["whole"]
