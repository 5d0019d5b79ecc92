"""Finds the log lines about an order in a laptop's logs: those of its traces, and those that name it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from services.chassis.data.story import Kind, Moment
from services.chassis.plain import clock, trace_context

_COLUMNS = frozenset({"time", "level", "event", "service", "trace_id", "stack"})
_CALL = "call"


def moments(files: Iterable[Path], order_id: str, known: Collection[Moment]) -> list[Moment]:
    """The log lines that belong to the traces of these moments, or that hold the order's id."""
    wanted = _wanted(order_id, known)
    return [moment for file in files for moment in _read(file, wanted)]


def moments_of(lines: Iterable[str], order_id: str, known: Collection[Moment]) -> list[Moment]:
    """The same of lines that were already read."""
    return list(_of_lines(lines, _wanted(order_id, known)))


def _wanted(order_id: str, known: Collection[Moment]) -> Collection[str]:
    traces = {
        trace_context.trace_id(moment.facts["traceparent"]) for moment in known if moment.facts.get("traceparent")
    }
    return (order_id, *traces)


def _read(file: Path, wanted: Collection[str]) -> Iterator[Moment]:
    with file.open(errors="replace") as lines:
        yield from _of_lines(lines, wanted)


def _of_lines(lines: Iterable[str], wanted: Collection[str]) -> Iterator[Moment]:
    for line in lines:
        if any(text in line for text in wanted):
            yield from _moment(line)


def _moment(line: str) -> Iterator[Moment]:
    try:
        entry = json.loads(line)
        at, service, event = clock.from_text(entry["time"]), entry["service"], entry["event"]
    except (ValueError, KeyError, TypeError):
        return  # not a log line of a service
    facts = {name: value for name, value in entry.items() if name not in _COLUMNS}
    if event == _CALL:
        yield Moment(at, service, Kind.CALL, _call(facts), facts)
    else:
        yield Moment(at, service, Kind.LOG, " ".join([event, *_pairs(facts)]), {**facts, "level": entry.get("level")})


def _call(facts: dict[str, Any]) -> str:
    rpc = str(facts.get("rpc", "")).rpartition("/")[2]
    caller = f" for {facts['caller']}" if facts.get("caller") else ""
    return f"{rpc} {facts.get('code')} in {facts.get('duration_ms')} ms{caller}"


def _pairs(facts: dict[str, Any]) -> Iterator[str]:
    return (f"{name}={value}" for name, value in facts.items())
