"""Helpers for Prometheus metrics."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from prometheus_client.metrics import MetricWrapperBase


def show_from_the_start(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Create the series of all combinations of label values, at 0. `values` are in the order of the metric's labels.

    A series that first appears as 1 is no increase for Prometheus, so an alert would miss the first event.
    """
    for labels in itertools.product(*values):
        metric.labels(*labels)
