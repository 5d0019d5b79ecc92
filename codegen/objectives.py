"""Generates the services' objectives (SLO) as series, which the alerts in monitoring/rules/slo.yaml compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codegen.yaml_files import write_yaml
from facts.service import Service
from facts.system import System

FILE = Path("monitoring", "objectives.yaml")
Group = dict[str, Any]


def write_objectives(system: System, into: Path) -> None:
    """Write the Prometheus rules."""
    title = "The error budget of each service: the share of its calls that may fail or be slow."
    write_yaml(into / FILE, title, {"groups": [objectives(system)]})


def objectives(system: System) -> Group:
    """Two constant series per service."""
    failed = [
        _budget("job:http_requests_failed:budget", one, one.objective.available_percent) for one in system.services
    ]
    slow = [_budget("job:http_requests_slow:budget", one, one.objective.fast_percent) for one in system.services]
    return {"name": "objectives", "rules": [*failed, *slow]}


def _budget(name: str, service: Service, percent: float) -> dict[str, Any]:
    """The error budget, as a share of all calls."""
    return {"record": name, "expr": f"vector({round(1 - percent / 100, 6):g})", "labels": {"job": service.name}}
