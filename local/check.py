"""`make check`: all static checks. A failure does not stop the others.

The first run builds missing tools, each with a progress line: some take minutes.
"""

import os
import sys

import local.manifests.setup
import local.mesh.setup
import local.monitoring.setup
from local.paths import BIN, PYTHON, ROOT, STACKS, VENV
from local.progress import CommandFailed, Line, run
from local.setup.making import interruptible
from local.stack import Stack
from local.topology import edge_settings

_PYTHON = str(PYTHON)
_ENVIRONMENT = {**os.environ, **edge_settings(Stack(STACKS / "main", 0))}
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff: rules of style and safety", (str(BIN / "ruff"), "check", "--output-format=concise", ".")),
    ("ruff: format", (str(BIN / "ruff"), "format", "--check", ".")),
    ("mypy: types, strictly", (str(BIN / "mypy"),)),
    ("import-linter: who may import whom", (str(BIN / "lint-imports"), "--no-logo")),
    ("dependencies: declared, and of use", (_PYTHON, "-m", "local.dependencies")),
    ("locks: complete, and in step", (_PYTHON, "-m", "local.locks", "check")),
    ("facts: complete, and nothing left over", (_PYTHON, "-m", "facts")),
    ("contract: buf lint, drift, breaking", (_PYTHON, "-m", "codegen", "check")),
    ("envoy: the edge's configuration", (_PYTHON, "-m", "edge", "validate")),
    (
        "envoy: the same with shared counts",
        ("env", "RATE_LIMIT_SERVICE=127.0.0.1:1", _PYTHON, "-m", "edge", "validate"),
    ),
    (
        "envoy: the same with traces",
        ("env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", _PYTHON, "-m", "edge", "validate"),
    ),
    ("promtool: rules and dashboards", (_PYTHON, "-m", "local.monitoring")),
    ("manifests: builds, schemas, our rules", (_PYTHON, "-m", "local.manifests")),
    ("istioctl: charts, validate, analyze", (_PYTHON, "-m", "local.manifests.istio")),
)


def main() -> int:
    """Run all checks. Returns 1 if a check failed or its tools cannot be built, after printing why."""
    if local.monitoring.setup.main() or local.manifests.setup.main() or local.mesh.setup.main("istioctl"):
        return 1
    failures = 0
    with (VENV / "check.log").open("w") as log:
        for title, command in CHECKS:
            try:
                with Line(title):
                    run(command, log, ROOT, _ENVIRONMENT)
            except CommandFailed as failure:
                failures += 1
                print(f"{failure.tail}\nIts whole output is in {log.name}")
    print(f"{failures} of {len(CHECKS)} checks failed." if failures else f"All {len(CHECKS)} checks passed.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
