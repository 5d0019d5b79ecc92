"""The report of a run: what it shows, and where it is kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from load.drawing import ticks
from tests.chaos import plots, report
from tests.chaos.arrivals import Arrivals
from tests.chaos.plan import Fault, Kind
from tests.chaos.record import Exchange
from tests.chaos.run import Outcome
from tests.load.profiles import profile

KILL = Fault(Kind.KILL, "order-2", 3.0, 0)
CUT = Fault(Kind.CUT, "payment-<stripe>", 5.0, 4.0)


def outcome(**changes: object) -> Outcome:
    made = Outcome(7, [KILL, CUT], 60.0)
    made.happened = [(3.1, KILL), (5.2, CUT)]
    made.exchanges = [
        Exchange("ada", "GET", "/orders", None, None, at, at, status) for at, status in ((1, 200), (6, 503))
    ]
    made.orders, made.done = Counter(confirmed=3, cancelled=1), Counter(buy=4)
    made.drifts = Counter({"mail_missing, mended": 2})
    made.alerts, made.settled_after = {"ServiceDown": [30, 45]}, 12.0
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_report_shows_what_was_done_and_what_became_of_it(tmp_path: Path) -> None:
    text = report.write(outcome(), tmp_path / "seed-7").read_text()
    assert text.startswith("# Chaos, seed 7: everything held\n")
    for line in (
        "| requests | 2, of which 1 had no answer or a 503 |",
        "| orders | 4, of which 3 were paid and kept |",
        "| kill | 1 |",
        "| buy | 4 |",
        "| ServiceDown | 30 s |",
        "| mail_missing, mended | 2 |",
        "| 3.1 s | kill order-2 |",
    ):
        assert line in text
    for picture in ("timeline.svg", "orders.svg"):
        assert f"({picture})" in text
        ElementTree.parse(tmp_path / "seed-7" / picture)  # noqa: S314 - our own
    assert "convergence.svg" not in text
    assert "What did not hold" not in text


def test_what_arrived_beside_has_a_report_of_its_own(tmp_path: Path) -> None:
    spike = outcome(load=profile("spike", 5), arrivals=Arrivals(Counter({"201": 40, "503": 2})))
    text = report.write(spike, tmp_path / spike.name).read_text()
    assert spike.name == "seed-7-spike"
    assert "`make chaos SEED=7 MINUTES=1 LOAD=spike`" in text
    for line in ("The profile `spike` of `make load`: 3600 people came.", "| 201 | 40 |", "| 503 | 2 |"):
        assert line in text
    assert "arrived beside" not in report.write(outcome(), tmp_path / "seed-7").read_text()


def test_what_did_not_hold_stands_first(tmp_path: Path) -> None:
    text = report.write(outcome(problems=["order 1 is lost"]), tmp_path / "seed-7").read_text()
    assert text.startswith("# Chaos, seed 7: 1 problems\n")
    assert text.index("- order 1 is lost") < text.index("What happened when")


def test_times_to_converge_are_drawn_where_they_are_known(tmp_path: Path) -> None:
    text = report.write(outcome(converged=[(KILL, 12.5), (CUT, 3.0)]), tmp_path / "seed-7").read_text()
    assert "| longest time to converge after a kill | 12.5 s (goal: 30 s) |" in text
    assert "kill order-2: 12.5 s" in (tmp_path / "seed-7" / "convergence.svg").read_text()


def test_what_was_not_whole_in_time_and_what_did_not_happen_is_not_left_out(tmp_path: Path) -> None:
    slow = outcome(converged=[(CUT, 3.0)], unfinished=[(KILL, 28.4), (CUT, 2.0)], cut_off=[KILL])
    text = report.write(slow, tmp_path / "seed-7").read_text()
    assert "- kill order-2: not after 28 s" in text
    assert "not after 2 s" not in text, "in a burst the next fault follows at once"
    assert "| cut off by the end of the run | kill order-2 |" in text


def test_a_report_for_check_in_replaces_the_one_before(tmp_path: Path) -> None:
    report.write(outcome(), tmp_path / "seed-7")
    old = tmp_path / "docs" / "seed-7" / "old.svg"
    old.parent.mkdir(parents=True)
    old.touch()
    assert report.publish(tmp_path / "seed-7", tmp_path / "docs").read_text().startswith("# Chaos, seed 7")
    assert not old.exists()


def test_a_picture_of_nothing_is_still_one() -> None:
    for picture in (plots.timeline([], [], 60), plots.orders({}), plots.convergence([], 30)):
        ElementTree.fromstring(picture)  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("most", "expected"),
    [(90, [0, 20, 40, 60, 80]), (7, [0, 1, 2, 3, 4, 5, 6, 7]), (600, [0, 100, 200, 300, 400, 500, 600])],
)
def test_an_axis_has_round_numbers(most: float, expected: list[float]) -> None:
    assert ticks(most) == expected
