"""What metrics of several modules have in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from prometheus_client.metrics import MetricWrapperBase


def show_from_the_start(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Let every series of these label values be there as 0, in the order of the metric's labels.

    Prometheus does not count a series that appears as 1 as an increase, so an alert would miss the first one.
    """
    for labels in itertools.product(*values):
        metric.labels(*labels)
