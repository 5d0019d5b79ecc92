"""An access log becomes counts of refusals by reason and caller."""

import json
from typing import Any

from edge.refusals import refusals, report


def line(**more: Any) -> str:
    usual = {
        "event": "request",
        "status": 200,
        "details": "via_upstream",
        "caller": None,
        "client_address": "192.0.2.1",
    }
    return json.dumps({**usual, **more})


LIMITED = {"status": 429, "details": "local_rate_limited"}
LOG = [
    *[line(**LIMITED, caller="greedy")] * 3,
    line(**LIMITED),
    line(status=413, details="request_payload_too_large", client_address="192.0.2.7"),
    line(),
    line(status=404),  # a service's own answer
    "Envoy says something",
    "[1]",
    json.dumps({"event": "draining", "status": "503"}),
]


def test_refusals_are_counted_by_reason_and_caller() -> None:
    assert [(one.why, one.callers) for one in refusals(LOG)] == [
        ("429 local_rate_limited", {"greedy": 3, "192.0.2.1": 1}),
        ("413 request_payload_too_large", {"192.0.2.7": 1}),
    ]


def test_the_report_names_the_largest_callers_or_none() -> None:
    found = refusals(LOG)
    assert report(found, 1).splitlines() == [
        "       4  429 local_rate_limited  (2 callers)",
        "                 3   75%  greedy",
        "       1  413 request_payload_too_large  (1 caller)",
        "                 1  100%  192.0.2.7",
    ]
    assert "greedy" not in report(found, 0)
    assert report([], 3) == "nothing was refused\n"


def test_a_reason_that_contains_what_a_client_sent_stays_short() -> None:
    (one,) = refusals([line(status=400, details="x" * 1000)])
    assert len(one.why) < 100
