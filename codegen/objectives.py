"""What each service's callers are promised, as series that the alerts of monitoring/rules/slo.yaml compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codegen.yaml_files import write_yaml
from facts.service import Service
from facts.system import System

FILE = Path("monitoring", "objectives.yaml")
Group = dict[str, Any]


def write_objectives(system: System, into: Path) -> None:
    """Writes Prometheus' rules."""
    title = "The budget of each service: the share of its calls that may fail by our fault, or be slow."
    write_yaml(into / FILE, title, {"groups": [objectives(system)]})


def objectives(system: System) -> Group:
    """Two recorded series a service, constant."""
    failed = [
        _budget("job:http_requests_failed:budget", one, one.objective.available_percent) for one in system.services
    ]
    slow = [_budget("job:http_requests_slow:budget", one, one.objective.fast_percent) for one in system.services]
    return {"name": "objectives", "rules": [*failed, *slow]}


def _budget(name: str, service: Service, percent: float) -> dict[str, Any]:
    """What is left of all calls, as a share."""
    return {"record": name, "expr": f"vector({round(1 - percent / 100, 6):g})", "labels": {"job": service.name}}
