"""What a service's /metrics says, and what happened between two looks at it. Pure: text in, figures out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]

_OUR_FAULT = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"})
_BREAKER = {0.0: "closed", 1.0: "half open", 2.0: "open"}


class Figures:
    """All values of one look."""

    def __init__(self, text: str) -> None:
        """`text` is Prometheus' own exposition format. Raises ValueError when it is something else."""
        self._samples: dict[str, list[tuple[Labels, float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def total(self, name: str, which: Callable[[Labels], bool] = lambda _: True) -> float:
        """The sum over label sets; 0 where there is none."""
        return sum(value for labels, value in self._samples.get(name, ()) if which(labels))

    def most(self, name: str) -> float | None:
        """The greatest over label sets; None where there is none."""
        return max((value for _, value in self._samples.get(name, ())), default=None)

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """Sums by one label's values."""
        sums: dict[str, float] = {}
        for labels, value in self._samples.get(name, ()):
            sums[labels.get(label, "")] = sums.get(labels.get(label, ""), 0.0) + value
        return sums


@dataclass(frozen=True)
class Row:
    """One service, between two looks."""

    calls_per_second: float
    faults_per_second: float
    """Calls that ended by a fault of ours: INTERNAL, UNAVAILABLE, DEADLINE_EXCEEDED and the like."""
    p95_ms: float | None
    """No longer than this took 95 of 100 calls: the upper bound of a bucket. None without calls, or above them all."""
    unpublished: float
    """Events that are committed, and not on the bus yet."""
    lag: float
    """Messages on the bus that its consumers have not settled."""
    dead_letters: float
    """Made since the process began."""
    breaker: str
    """Of the worst circuit breaker; "" where there is none."""
    memory_mb: float | None


def between(before: Figures, after: Figures, seconds: float) -> Row:
    """What happened in so many seconds. A process that began anew counts from its start."""
    calls = _grown(before, after, "argosy_calls_total")
    faults = _grown(before, after, "argosy_calls_total", lambda labels: labels["code"] in _OUR_FAULT)
    memory = after.most("process_resident_memory_bytes")
    breaker = after.most("argosy_circuit_breaker_state")
    return Row(
        calls_per_second=calls / seconds,
        faults_per_second=faults / seconds,
        p95_ms=_quantile(before, after, 0.95),
        unpublished=after.total("argosy_outbox_pending"),
        lag=after.total("argosy_consumer_lag"),
        dead_letters=after.total("argosy_dead_letters_total"),
        breaker="" if breaker is None else _BREAKER.get(breaker, "?"),
        memory_mb=None if memory is None else memory / 1e6,
    )


def _grown(before: Figures, after: Figures, name: str, which: Callable[[Labels], bool] = lambda _: True) -> float:
    first, last = before.total(name, which), after.total(name, which)
    return last - first if last >= first else last


def _quantile(before: Figures, after: Figures, share: float) -> float | None:
    name = "http_request_duration_seconds_bucket"
    first, last = before.by_label(name, "le"), after.by_label(name, "le")
    grown = {float(bound): count - first.get(bound, 0.0) for bound, count in last.items()}
    if any(count < 0 for count in grown.values()):  # it began anew
        grown = {float(bound): count for bound, count in last.items()}
    calls = grown.get(float("inf"), 0.0)
    reached = [bound for bound, count in sorted(grown.items()) if calls and count >= share * calls]
    return reached[0] * 1000 if reached and reached[0] != float("inf") else None
