"""Reads the spans of the laptop's collector (one line of JSON each) and groups them into traces."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.chassis.plain import clock

Span = dict[str, Any]
_HIDDEN = ("start", "end", "traceId", "parentSpanId")
_A_MILLION = 1_000_000


@dataclass
class Node:
    """A span and its children, in order of start."""

    span: Span
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """All spans of a trace. It has several `roots` if its first span was not recorded."""

    id: str
    roots: Sequence[Node]
    spans: Sequence[Span]
    """In order of start."""

    @property
    def start(self) -> int:
        """Start of the first span, Unix nanoseconds."""
        return int(self.spans[0]["start"])

    @property
    def milliseconds(self) -> float:
        """From the start of the first span to the end of the last, ms."""
        return (max(int(span["end"]) for span in self.spans) - self.start) / _A_MILLION

    @property
    def services(self) -> list[str]:
        """The services of the trace, in order of appearance."""
        return list(dict.fromkeys(span["service"] for span in self.spans))

    def summary(self) -> Span:
        """The row for a list."""
        return {
            "time": _time(self.start),
            "trace": self.id,
            "began": ", ".join(f"{root.span['service']} {root.span['name']}" for root in self.roots),
            "ms": round(self.milliseconds, 1),
            "spans": len(self.spans),
            "services": " ".join(self.services),
        }

    def tree(self) -> Span:
        """The whole trace as nested spans; times in milliseconds from its start."""
        return {**self.summary(), "roots": [self._nested(root) for root in self.roots]}

    def _nested(self, node: Node) -> Span:
        kept = {name: value for name, value in node.span.items() if name not in _HIDDEN}
        return {
            **kept,
            "atMs": round((node.span["start"] - self.start) / _A_MILLION, 3),
            "ms": round((node.span["end"] - node.span["start"]) / _A_MILLION, 3),
            "children": [self._nested(child) for child in node.children],
        }


def read(files: Iterable[Path]) -> Iterator[Span]:
    """Every span of the files. An incomplete last line is skipped."""
    for path in files:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)


def traces(spans: Iterable[Span]) -> list[Trace]:
    """Group spans by trace, oldest trace first."""
    by_trace: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_trace[span["traceId"]].append(span)
    return sorted((_put_together(id_, found) for id_, found in by_trace.items()), key=lambda trace: trace.start)


def about(found: Iterable[Trace], what: str) -> list[Trace]:
    """The traces with this id, or with a span about an order, payment or user of this id."""
    return [trace for trace in found if trace.id == what or any(_mentions(span, what) for span in trace.spans)]


def _mentions(span: Span, what: str) -> bool:
    return any(isinstance(value, str) and what in value for value in span["attributes"].values())


def _put_together(trace_id: str, spans: list[Span]) -> Trace:
    in_order = sorted(spans, key=lambda span: (span["start"], span["kind"] == "client"))
    nodes = {span["spanId"]: Node(span) for span in in_order}
    roots: list[Node] = []
    for span in in_order:
        parent = nodes.get(span["parentSpanId"])
        (roots if parent is None else parent.children).append(nodes[span["spanId"]])
    return Trace(trace_id, roots, in_order)


def _time(nanoseconds: int) -> str:
    return clock.to_text(datetime.fromtimestamp(nanoseconds // _A_MILLION / 1000, UTC))
