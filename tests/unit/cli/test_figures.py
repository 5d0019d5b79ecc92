"""What happened between two looks at /metrics."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cli.figures import Figures, between


class Service:
    """A process with the chassis' metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["rpc", "code", "client_app"]
        self.calls = Counter("argosy_calls_total", "", labels, registry=self.registry)
        self.duration = Histogram(
            "http_request_duration_seconds",
            "",
            ["method", "route", "status"],
            buckets=(0.01, 0.1, 1),
            registry=self.registry,
        )
        self.lag = Gauge("argosy_consumer_lag", "", ["group", "topic", "partition"], registry=self.registry)
        self.breaker = Gauge("argosy_circuit_breaker_state", "", ["party"], registry=self.registry)

    def call(self, code: str, seconds: float, times: int = 1) -> None:
        for _ in range(times):
            self.calls.labels("/r", code, "web-app").inc()
            self.duration.labels("GET", "/r", code).observe(seconds)

    def look(self) -> Figures:
        return Figures(generate_latest(self.registry).decode())


def test_only_what_happened_in_between_counts() -> None:
    service = Service()
    service.call("OK", 0.5, 100)
    before = service.look()
    service.call("OK", 0.005, 19)
    service.call("INTERNAL", 0.05)
    service.call("NOT_FOUND", 0.005, 20)
    row = between(before, service.look(), seconds=10)
    assert (row.calls_per_second, row.faults_per_second, row.p95_ms) == (4.0, 0.1, 10.0)


def test_nothing_happened() -> None:
    look = Service().look()
    row = between(look, look, seconds=1)
    assert (row.calls_per_second, row.p95_ms, row.breaker, row.memory_mb) == (0.0, None, "", None)


def test_what_took_longer_than_every_bucket_has_no_figure() -> None:
    service = Service()
    before = service.look()
    service.call("OK", 30)
    assert between(before, service.look(), seconds=1).p95_ms is None


def test_a_process_that_began_anew_counts_from_its_start() -> None:
    old, new = Service(), Service()
    old.call("OK", 0.5, 100)
    new.call("OK", 0.05, 4)
    row = between(old.look(), new.look(), seconds=2)
    assert (row.calls_per_second, row.p95_ms) == (2.0, 100.0)


def test_sums_and_the_worst() -> None:
    service = Service()
    service.lag.labels("g", "t", "0").set(3)
    service.lag.labels("g", "t", "1").set(4)
    service.breaker.labels("stripe").set(0)
    service.breaker.labels("smtp").set(2)
    row = between(service.look(), service.look(), seconds=1)
    assert (row.lag, row.breaker) == (7.0, "open")


def test_what_is_no_metrics_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"."):
        Figures("<html>{")
