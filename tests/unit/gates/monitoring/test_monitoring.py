"""Rules and dashboards pass promtool, and link to runbooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gates.monitoring import promtool, setup
from gates.monitoring.dashboards import expressions, read
from gates.monitoring.figures import named_in, rules
from gates.monitoring.paths import RULES, dashboard_files, rule_files
from local.paths import ROOT

TRIALS = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.fixture(scope="module", autouse=True)
def _promtool() -> None:
    assert setup.main() == 0


def test_promtool_finds_nothing_wrong() -> None:
    assert promtool.check_rules(rule_files()) == ""
    asked = [expression for path in dashboard_files() for expression in expressions(read(path))]
    assert len(asked) > 30
    assert promtool.check_expressions(asked) == ""


def test_promtool_would_find_something() -> None:
    assert "unclosed" in promtool.check_expressions(["sum(x"])


@pytest.mark.parametrize("trial", TRIALS, ids=lambda path: path.stem)
def test_rules_fire_for_the_metrics_they_should(trial: Path) -> None:
    assert promtool.try_rules([trial]) == ""


def test_every_alert_is_tried_or_is_another_ones_slower_sister() -> None:
    tried = set(re.findall(r"alertname: (\w+)", "".join(path.read_text() for path in TRIALS)))
    alerts = {rule["alert"] for rule in rules(rule_files()) if "alert" in rule}
    assert alerts - tried == {"LatencyBurnsSlowly"}
    assert tried <= alerts
    assert {path.stem for path in TRIALS} == {path.stem for path in RULES.glob("*.yaml")}


def test_every_alert_has_a_severity_and_a_runbook() -> None:
    headings = set(re.findall(r"^### (\w+)$", (ROOT / "monitoring" / "README.md").read_text(), flags=re.MULTILINE))
    alerts = [rule for rule in rules(rule_files()) if "alert" in rule]
    assert {rule["alert"] for rule in alerts} == headings
    for rule in alerts:
        labels, annotations = rule["labels"], rule["annotations"]
        assert labels["severity"] in ("page", "ticket")
        assert annotations["runbook"] == f"monitoring/README.md#{rule['alert'].lower()}"
        assert annotations.keys() >= {"summary", "description"}


def test_dashboards_have_unique_ids_and_query_the_chosen_prometheus() -> None:
    dashboards = [read(path) for path in dashboard_files()]
    assert len({one["uid"] for one in dashboards}) == len({one["title"] for one in dashboards}) == len(dashboards)
    for one in dashboards:
        assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])
        assert "datasource" in {variable["name"] for variable in one["templating"]["list"]}
        for panel in one["panels"]:
            assert panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (
            'sum by (job) (rate(a_total{x="b{c}"}[5m])) / on (job) group_left (d) e:f:g offset 1d > 1.4',
            {"a_total", "e:f:g"},
        ),
        ("time() - min by (job) (k > 0) > 1e3 and on () sum(l) or vector(0) unless m == bool 1", {"k", "l", "m"}),
    ],
)
def test_figures_are_found_in_expressions(expression: str, names: set[str]) -> None:
    assert named_in(expression) == names
