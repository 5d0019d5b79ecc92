"""The PrometheusRule for a cluster: the rules of monitoring/rules and the services' objectives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from codegen.cluster import Manifest, kustomization, manifest
from codegen.objectives import objectives
from codegen.paths import ROOT
from codegen.yaml_files import write_yaml
from facts.system import System

RULES = ROOT / "monitoring" / "rules"
_FILE = "rules.yaml"


def write_alerts(system: System, into: Path) -> None:
    """Write the PrometheusRule and its kustomization."""
    write_yaml(into / _FILE, "The rules of monitoring/rules, and the services' objectives.", prometheus_rule(system))
    write_yaml(into / "kustomization.yaml", "The rules of monitoring/rules.", kustomization(_FILE))


def prometheus_rule(system: System) -> Manifest:
    """The PrometheusRule with the groups of all files."""
    groups: list[Any] = [objectives(system)]
    for path in sorted(RULES.glob("*.yaml")):
        groups += yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return manifest("monitoring.coreos.com/v1", "PrometheusRule", "argosy", {"groups": groups})
