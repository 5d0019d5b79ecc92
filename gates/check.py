"""`make check`: all static checks. A failure does not stop the others.

The first run builds missing tools, each with a progress line: some take minutes.
"""

import os
import sys

import gates.monitoring.setup
import manifests.setup
import mesh.setup
from local.paths import BIN, PYTHON, ROOT, STACKS, VENV
from local.progress import CommandFailed, Line, run
from local.setup.making import interruptible
from local.stack import Stack
from local.topology import edge_settings

_PYTHON = str(PYTHON)
_PATH = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
_ENVIRONMENT = {**os.environ, "PATH": _PATH, **edge_settings(Stack(STACKS / "main", 0))}
Checks = tuple[tuple[str, tuple[str, ...]], ...]
QUICK: Checks = (
    ("ruff: rules of style and safety", (str(BIN / "ruff"), "check", "--output-format=concise", ".")),
    ("ruff: format", (str(BIN / "ruff"), "format", "--check", ".")),
    ("mypy: types, strictly", (str(BIN / "mypy"),)),
    ("import-linter: who may import whom", (str(BIN / "lint-imports"), "--no-logo")),
    ("dependencies: declared, and of use", (_PYTHON, "-m", "gates.dependencies")),
    ("facts: complete, and nothing left over", (_PYTHON, "-m", "facts")),
    ("contract: buf lint, drift, breaking", (_PYTHON, "-m", "codegen", "check")),
    ("web app: types, against the contract", (str(BIN / "npm"), "--prefix", "web/app", "run", "check")),
    ("envoy: the edge's configuration", (_PYTHON, "-m", "edge", "validate")),
    (
        "envoy: the same with shared counts",
        ("env", "RATE_LIMIT_SERVICE=127.0.0.1:1", _PYTHON, "-m", "edge", "validate"),
    ),
    (
        "envoy: the same with traces",
        ("env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", _PYTHON, "-m", "edge", "validate"),
    ),
)
"""Those that need no tool that has to be built first, and no network."""
_LAID_OUT = frozenset(title for title, _ in QUICK if title.startswith("ruff"))
"""The checks that `make format` may mend."""
CHECKS: Checks = (
    *QUICK,
    ("locks: complete, and in step", (_PYTHON, "-m", "gates.locks", "check")),
    ("promtool: rules and dashboards", (_PYTHON, "-m", "gates.monitoring")),
    ("manifests: builds, schemas, our rules", (_PYTHON, "-m", "manifests")),
    ("istioctl: charts, validate, analyze", (_PYTHON, "-m", "manifests.istio")),
)


def main() -> int:
    """Run all checks, or with `--quick` the quick ones. Returns 1 if one failed or its tools cannot be built."""
    quick = sys.argv[1:] == ["--quick"]
    if not quick and _cannot_be_made():
        return 1
    checks = QUICK if quick else CHECKS
    failures = 0
    with (VENV / "check.log").open("w") as log:
        for title, command in checks:
            try:
                with Line(title):
                    run(command, log, ROOT, _ENVIRONMENT)
            except CommandFailed as failure:
                failures += 1
                print(f"{failure.tail}\nIts whole output is in {log.name}")
                if title in _LAID_OUT:
                    print("`make format` sorts imports and lays out code: try it first.")
    print(f"{failures} of {len(checks)} checks failed." if failures else f"All {len(checks)} checks passed.")
    return 1 if failures else 0


def _cannot_be_made() -> bool:
    """Makes the tools that the other checks ask; whether that failed."""
    return bool(gates.monitoring.setup.main() or manifests.setup.main() or mesh.setup.main("istioctl"))


if __name__ == "__main__":
    sys.exit(interruptible(main))
