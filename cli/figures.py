"""Reads a service's /metrics and computes the change between two samples. Pure: text in, figures out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]

_OUR_FAULT = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"})
_BREAKER = {0.0: "closed", 1.0: "half open", 2.0: "open"}


class Figures:
    """All values of one sample."""

    def __init__(self, text: str) -> None:
        """`text` is in Prometheus exposition format. Raises ValueError otherwise."""
        self._samples: dict[str, list[tuple[Labels, float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def total(self, name: str, which: Callable[[Labels], bool] = lambda _: True) -> float:
        """The sum over all label sets that `which` accepts; 0 if there are none."""
        return sum(value for labels, value in self._samples.get(name, ()) if which(labels))

    def most(self, name: str) -> float | None:
        """The maximum over all label sets; None if there are none."""
        return max((value for _, value in self._samples.get(name, ())), default=None)

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """The sum for each value of the label."""
        sums: dict[str, float] = {}
        for labels, value in self._samples.get(name, ()):
            sums[labels.get(label, "")] = sums.get(labels.get(label, ""), 0.0) + value
        return sums


@dataclass(frozen=True)
class Row:
    """The figures of one service between two samples."""

    calls_per_second: float
    faults_per_second: float
    """Calls that failed by a fault of the server: INTERNAL, UNAVAILABLE, DEADLINE_EXCEEDED and the like."""
    p95_ms: float | None
    """Upper bound of the 95th percentile of latency, ms. None without calls, or if it lies above the last bucket."""
    unpublished: float
    """Committed events that are not published yet."""
    lag: float
    """Consumer lag: messages that the consumers have not committed."""
    dead_letters: float
    """Dead letters since the process started."""
    breaker: str
    """State of the worst circuit breaker; "" if there is none."""
    memory_mb: float | None


def between(before: Figures, after: Figures, seconds: float) -> Row:
    """The figures of an interval of `seconds`. If the process restarted in it, they count from the restart."""
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
    if any(count < 0 for count in grown.values()):  # it restarted
        grown = {float(bound): count for bound, count in last.items()}
    calls = grown.get(float("inf"), 0.0)
    reached = [bound for bound, count in sorted(grown.items()) if calls and count >= share * calls]
    return reached[0] * 1000 if reached and reached[0] != float("inf") else None
