"""Which alerts fire over the metrics of a run, and which of them had no cause."""

from __future__ import annotations

from collections import Counter

import pytest

from gates.monitoring.figures import rules
from gates.monitoring.paths import rule_files
from tests.chaos.alerts import CAUSES, EVERY_SECONDS, Looks, Series, fired, without_cause
from tests.chaos.arrivals import CAUSE
from tests.chaos.plan import Fault, Kind

KILL = (10.0, Fault(Kind.KILL, "order", 10.0, 0))
POISON = (10.0, Fault(Kind.POISON, "order-events", 10.0, 0))
_MINUTE = 60 // EVERY_SECONDS


def in_time(series: Series) -> Looks:
    """Looks that take no time."""
    return Looks(series, [EVERY_SECONDS * number for number in range(max(map(len, series.values()), default=0))])


async def test_promtool_evaluates_the_shipped_rules_over_what_was_read() -> None:
    letters = 'argosy_dead_letters_total{instance="order", job="order", topic="order-events"}'
    breaker = 'argosy_circuit_breaker_state{instance="payment", job="payment", party="stripe"}'
    series: Series = {
        letters: [*[0.0] * _MINUTE, *[1.0] * 2 * _MINUTE],
        breaker: [*[None] * _MINUTE, *[0.0] * 2 * _MINUTE],
        'up{instance="order", job="order"}': [1.0] * 3 * _MINUTE,
    }
    found = await fired(in_time(series))
    assert list(found) == ["DeadLetters"]
    assert 60 <= found["DeadLetters"][0] <= 90
    assert await fired(in_time({})) == {}
    assert await fired(in_time({letters: [0.0] * _MINUTE})) == {}


async def test_an_alert_with_a_time_to_wait_fires_after_it() -> None:
    down = {'up{instance="order", job="order"}': [0.0] * 3 * _MINUTE}
    assert (await fired(in_time(down)))["ServiceDown"][0] == 120


async def test_an_alert_fires_when_it_was_read_however_long_looks_lasted() -> None:
    down: Series = {'up{instance="order", job="order"}': [0.0] * 3 * _MINUTE}
    slow = Looks(down, [EVERY_SECONDS * number * 1.5 + 0.2 for number in range(3 * _MINUTE)])
    assert (await fired(slow))["ServiceDown"][0] == 181


@pytest.mark.parametrize(
    ("alert", "happened", "done", "sound"),
    [
        ("ServiceDown", [KILL], {}, True),
        ("ServiceDown", [POISON], {}, False),
        ("ServiceDown", [], {}, False),
        ("DeadLetters", [POISON], {}, True),
        ("DeadLetters", [KILL], {}, False),
        ("PaymentsDisputed", [], {"disputes at the bank": 1}, True),
        ("PaymentsDisputed", [KILL], {"buy": 9}, False),
        ("StockShort", [KILL, POISON], {"buy": 9}, False),
        ("CallsRefused", [KILL], {"buy": 9}, False),
        ("CallsRefused", [], {CAUSE: 9}, True),
    ],
)
def test_an_alert_needs_its_cause(
    alert: str, happened: list[tuple[float, Fault]], done: dict[str, int], sound: bool
) -> None:
    wrong = without_cause({alert: [60, 75]}, happened, Counter(done))
    assert (wrong == []) is sound
    if not sound:
        assert wrong == [f"the alert {alert} fires after 60 s, and nothing that causes it happened before"]


def test_what_happens_after_an_alert_is_no_cause_of_it() -> None:
    assert without_cause({"ServiceDown": [5]}, [KILL], Counter())


def test_causes_are_of_alerts_that_there_are() -> None:
    assert CAUSES.keys() <= {rule["alert"] for rule in rules(rule_files()) if "alert" in rule}


def test_each_kind_of_trouble_explains_an_alert_unless_it_must_go_unnoticed() -> None:
    unnoticed = {kind for kind in Kind if not any(kind in causes for causes in CAUSES.values())}
    assert all(kind.startswith("webhooks-") for kind in unnoticed)
