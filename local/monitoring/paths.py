"""Where rules and dashboards are, and what judges them."""

from pathlib import Path

from local.paths import ROOT, VENV

TOOLS = ROOT / "local" / "monitoring" / "tools"
PROMTOOL = VENV / "share" / "monitoring" / "promtool"
RULES = ROOT / "monitoring" / "rules"
OBJECTIVES = ROOT / "generated" / "monitoring" / "objectives.yaml"
DASHBOARDS = ROOT / "monitoring" / "dashboards"


def rule_files() -> list[Path]:
    """Every file of rules: those written by hand, and the services' objectives."""
    return [*sorted(RULES.glob("*.yaml")), OBJECTIVES]


def dashboard_files() -> list[Path]:
    """Every dashboard."""
    return sorted(DASHBOARDS.glob("*.json"))
