"""Series that nothing has counted yet are there as 0."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

from services.chassis.process.metrics import show_from_the_start


def test_every_combination_of_labels_is_shown_as_0() -> None:
    registry = CollectorRegistry()
    counter = Counter("things", "Things.", ["a", "b"], registry=registry)
    show_from_the_start(counter, ("x", "y"), ("z",))
    lines = generate_latest(registry).decode().splitlines()
    assert [line for line in lines if line.startswith("things_total")] == [
        'things_total{a="x",b="z"} 0.0',
        'things_total{a="y",b="z"} 0.0',
    ]
