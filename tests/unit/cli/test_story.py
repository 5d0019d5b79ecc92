"""How a story is drawn, and what of the logs belongs to it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from cli.story import log_lines
from cli.story.draw import draw
from services.chassis.data.story import Kind, Moment
from services.chassis.plain import clock

BEGAN = clock.from_text("2026-03-01T09:30:00.125Z")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ORDER = "0192f0c1-7a3e-7000-8000-000000000000"


def at(seconds: float, text: str = "text") -> Moment:
    return Moment(BEGAN + timedelta(seconds=seconds), "order", Kind.EVENT, text)


def test_each_line_has_its_time_and_the_gap_since_the_one_before() -> None:
    lines = [line.plain for line in draw([at(0), at(0.25), at(3.25), at(300), at(10_000)])]
    assert lines[0] == "2026-03-01T09:30:00.125Z     +0 ms order        event     text"
    assert [line[24:35].strip() for line in lines] == ["+0 ms", "+250 ms", "+3.0 s", "+4.9 min", "+2.7 h"]


def test_log_lines_of_the_orders_traces_or_with_its_id_belong_to_the_story(tmp_path: Path) -> None:
    log = tmp_path / "order.log"
    call = {"time": "2026-03-01T09:30:01.000Z", "level": "info", "event": "call", "service": "order"}
    lines = [
        {**call, "rpc": "/argosy.order.v1.OrderService/GetOrder", "code": "OK", "duration_ms": 1.5, "trace_id": TRACE},
        {**call, "event": "projection_put_off", "level": "warning", "order_id": ORDER},
        {
            **call,
            "rpc": "/argosy.order.v1.OrderService/GetOrder",
            "code": "OK",
            "duration_ms": 1.5,
            "trace_id": "f" * 32,
        },
    ]
    log.write_text("\n".join(map(json.dumps, lines)) + f"\nnot JSON, yet with {ORDER}\n")
    moments = [Moment(BEGAN, "order", Kind.EVENT, "", {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})]
    found = log_lines.moments([log], ORDER, moments)
    assert [(moment.kind, moment.text) for moment in found] == [
        (Kind.CALL, "GetOrder OK in 1.5 ms"),
        (Kind.LOG, f"projection_put_off order_id={ORDER}"),
    ]
