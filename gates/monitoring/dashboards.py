"""The expressions of dashboards, with values for Grafana's variables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FILLED_IN = {"$__rate_interval": "5m", "$job": ".+"}


def read(path: Path) -> dict[str, Any]:
    """Read a dashboard. Raises ValueError if it is no JSON."""
    dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return dashboard


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """The PromQL expressions of its panels."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in _FILLED_IN.items():
                expression = expression.replace(variable, value)
            yield expression
