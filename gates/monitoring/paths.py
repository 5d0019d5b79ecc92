"""Paths of rules, dashboards and promtool."""

from pathlib import Path

from local.paths import ROOT, VENV

TOOLS = ROOT / "gates" / "monitoring" / "tools"
PROMTOOL = VENV / "share" / "monitoring" / "promtool"
RULES = ROOT / "monitoring" / "rules"
OBJECTIVES = ROOT / "generated" / "monitoring" / "objectives.yaml"
DASHBOARDS = ROOT / "monitoring" / "dashboards"


def rule_files() -> list[Path]:
    """Every rule file: the services' objectives, which the others read, then those written by hand."""
    return [OBJECTIVES, *sorted(RULES.glob("*.yaml"))]


def dashboard_files() -> list[Path]:
    """Every dashboard."""
    return sorted(DASHBOARDS.glob("*.json"))
