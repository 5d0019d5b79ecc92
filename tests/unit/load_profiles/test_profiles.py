"""A profile's arrivals become k6's scenarios, and its measurements a report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.load import report
from tests.load.k6 import Measured, Request, scenarios
from tests.load.parts import Memory
from tests.load.profiles import Profile, Stage, Visit, profile
from tests.load.report import Outcome

SMALL = Profile("small", (Stage(10, 5), Stage(5, 50)), {Visit.CUSTOMER: 0.7, Visit.READER: 0.3}, people=2)


def test_a_profile_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="no profile flood; PROFILE is one of ramp, spike, soak, flash"):
        profile("flood", 5)


@pytest.mark.parametrize("name", ["ramp", "spike", "soak", "flash"])
def test_shares_are_of_all_arrivals(name: str) -> None:
    assert sum(profile(name, 5).visits.values()) == pytest.approx(1)


def test_a_flash_sale_has_twenty_buyers_for_each_piece() -> None:
    sale = profile("flash", 5)
    assert (sale.pieces, sale.arrivals) == (1_000, 20_000)


def test_each_visit_is_a_scenario_with_its_share_of_the_arrivals() -> None:
    made = scenarios(SMALL)
    assert set(made) == {"customer", "reader"}
    assert made["customer"]["stages"] == [
        {"target": 35, "duration": "0s"},
        {"target": 35, "duration": "10s"},
        {"target": 350, "duration": "0s"},
        {"target": 350, "duration": "5s"},
    ]


def test_a_report_counts_what_was_accepted_refused_and_failed(tmp_path: Path) -> None:
    requests = [
        Request(1.0, "CreateOrder", 201, 0.010),
        Request(2.0, "CreateOrder", 503, 0.002),
        Request(11.0, "GetOrder", 404, 0.003),
        Request(12.0, "GetOrder", 500, 0.004),
        Request(12.5, "GetOrder", 0, 60.0),
    ]
    outcome = Outcome(SMALL, Measured(requests, 0), Memory(), Counter(confirmed=1), None, 3.0, [])
    text = report.write(outcome, tmp_path / "small").read_text()
    assert "5 requests: 1 accepted, 1 refused for load, 2 failed" in text
    assert "| CreateOrder | 1 | 1 | 0 | 0 | 10 ms | 10 ms | 10 ms |" in text
    assert "| GetOrder | 0 | 0 | 1 | 2 | - | - | - |" in text
    assert {path.name for path in (tmp_path / "small").iterdir()} == {"report.md", "answers.svg", "latency.svg"}


def test_growth_is_from_when_all_is_warm_to_the_end() -> None:
    memory = Memory([(float(second), {"order": 100 + second}) for second in range(100)])
    first, last = memory.growth()["order"]
    assert 110 <= first < 116
    assert 195 <= last < 200
