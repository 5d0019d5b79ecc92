"""Builds promtool from its Go module, once, when it is first needed."""

import sys
from typing import IO

from gates.monitoring.paths import PROMTOOL, TOOLS
from local.paths import VENV
from local.setup import go
from local.setup.making import interruptible, make
from local.setup.step import Step

_LOG = VENV / "monitoring-setup.log"
_PACKAGE = "github.com/prometheus/prometheus/cmd/promtool"


def main() -> int:
    """Build it if it is missing; returns the exit code."""
    tool = Step("promtool", "promtool", _build, lambda: [TOOLS / "go.mod", TOOLS / "go.sum"], (PROMTOOL,), minutes=3)
    PROMTOOL.parent.mkdir(parents=True, exist_ok=True)
    return 0 if make([tool], _LOG) else 1


def _build(log: IO[str]) -> None:
    # Without Prometheus' service discovery, which promtool's checks do not need.
    go.build(TOOLS, _PACKAGE, PROMTOOL, log, options=["-tags=remove_all_sd"])


if __name__ == "__main__":
    sys.exit(interruptible(main))
