"""The model of a purchase: its parts, what saturates first, and the tables of docs/capacity.md."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from facts.system import system
from gates.monitoring.figures import named_in, rules
from gates.monitoring.paths import rule_files
from load.capacity.costs import CPU_MS
from load.capacity.plan import TARGET, Demand, demands, deployed, needed
from load.capacity.purchase import MACHINE, ONE_PRODUCT, ORDERED, purchase
from load.capacity.queues import Take, simulate
from load.capacity.report import at_rate, document
from local.paths import ROOT

PRODUCTS = {"PgBouncer"}
UNWATCHED = {"argosy_password_hashes"}
BEGIN, END = "<!-- python -m load.capacity --document -->\n\n", "\n<!-- end -->"


def test_the_document_has_the_tables_of_the_command() -> None:
    written = (ROOT / "docs" / "capacity.md").read_text()
    assert written.partition(BEGIN)[2].partition(END)[0] == document(system())


def test_the_document_names_metrics_and_alerts_that_exist() -> None:
    signs = (ROOT / "docs" / "capacity.md").read_text().partition("## Signs")[2]
    alerts = {rule["alert"] for rule in rules(rule_files()) if "alert" in rule}
    named = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", signs)) - PRODUCTS
    assert named
    assert named <= alerts
    read_by_rules = {name for rule in rules(rule_files()) for name in named_in(rule["expr"])}
    assert set(re.findall(r"argosy_\w+", signs)) <= read_by_rules | UNWATCHED


def test_every_part_has_a_demand_and_units() -> None:
    taken = {step.part for flag in (False, True) for step in purchase(one_product=flag) if isinstance(step, Take)}
    assert taken == {one.part for one in demands()}
    assert taken | {MACHINE} == deployed(system()).keys() == needed(10).keys()


def test_the_simulation_holds_each_part_as_long_as_its_demand_says() -> None:
    """With so many units that nothing waits, and of those that are held while others are, no more than a tenth more."""
    units = {one.part: 400 for one in demands()}
    result = simulate(purchase(), units, rate=500, jobs=20_000)
    for one in demands():
        if one.part != ONE_PRODUCT:
            assert result.utilisation[one.part] == pytest.approx(500 * one.held_ms / 1000 / 400, rel=0.1), one.part


def test_all_cpu_of_a_purchase_is_spent_on_one_machine() -> None:
    units = {**{one.part: 400 for one in demands()}, MACHINE: 100}
    result = simulate(purchase(one_machine=True), units, rate=500, jobs=10_000)
    assert result.utilisation[MACHINE] == pytest.approx(500 * sum(CPU_MS.values()) / 1000 / 100, rel=0.05)


@pytest.mark.parametrize(("rate", "cores"), [(10, 1), (100, 2), (1000, 17)])
def test_a_plan_leaves_the_rest_for_bursts(rate: float, cores: int) -> None:
    assert Demand("order", "core", 10).needed(rate) == cores
    assert rate * 10 / 1000 / cores <= TARGET


def test_a_rate_above_the_first_part_has_no_latency() -> None:
    answer = at_rate(300, {**needed(1000), "payment": 1}, jobs=100)
    assert "First to saturate: payment, at 220 purchases a second." in answer
    assert "grows without end" in answer
    assert "payment answered" not in answer


def test_one_product_is_slower_than_many() -> None:
    units = deployed(system()) | {"order store": 20, "kafka": 20, "payment database": 20, "payment-events at order": 60}
    many, one = (simulate(purchase(one_product=flag), units, 800, 10_000) for flag in (False, True))
    assert one.utilisation[ONE_PRODUCT] == pytest.approx(0.8, rel=0.1)
    assert one.percentile(ORDERED, 0.99) > many.percentile(ORDERED, 0.99)


def test_the_command_names_a_part_that_does_not_exist() -> None:
    command = [sys.executable, "-m", "load.capacity", "--units", "ordr=3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no part ordr" in done.stderr
