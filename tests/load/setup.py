"""Builds k6 from its Go module, once, when it is first needed."""

import sys
from pathlib import Path
from typing import IO

from local.paths import VENV
from local.setup import go
from local.setup.making import interruptible, make
from local.setup.step import Step

K6 = VENV / "share" / "load" / "k6"
_TOOLS = Path(__file__).parent / "tools"
_LOG = VENV / "load-setup.log"


def main() -> int:
    """Build it if it is missing; returns the exit code."""
    tool = Step("k6", "k6", _build, lambda: [_TOOLS / "go.mod", _TOOLS / "go.sum"], (K6,), minutes=4)
    K6.parent.mkdir(parents=True, exist_ok=True)
    return 0 if make([tool], _LOG) else 1


def _build(log: IO[str]) -> None:
    go.build(_TOOLS, "go.k6.io/k6", K6, log)


if __name__ == "__main__":
    sys.exit(interruptible(main))
