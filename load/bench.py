"""All measurements of CPU and latency, one after another, and one report of them: `make bench`. Needs a running stack.

The report is Markdown with plots under `.local/bench`; `--publish` copies it to `docs/bench`, to be checked in. Other
arguments are those of load.call_cost and load.purchase_cost that both have.
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local.paths import PYTHON, ROOT

_REPORT = ROOT / ".local" / "bench" / "report.md"
_PUBLISHED = ROOT / "docs" / "bench"


def main() -> int:
    """Measure and report. Returns the exit status of the measurement that failed, or 0."""
    parser = argparse.ArgumentParser(prog="python -m load.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--publish", action="store_true", help="copy the report to docs/bench, to be checked in")
    options, others = parser.parse_known_args()
    _REPORT.parent.mkdir(parents=True, exist_ok=True)
    _REPORT.write_text(_introduction())
    for module, arguments in _measurements(others):
        command = (str(PYTHON), "-m", module, *arguments)
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "BENCH_REPORT": str(_REPORT)}, check=False)
        if done.returncode:
            return done.returncode
    print(f"report: {_REPORT}")
    if options.publish:
        _publish(_PUBLISHED)
    return 0


def _measurements(others: Sequence[str]) -> Sequence[tuple[str, Sequence[str]]]:
    return (
        ("load.operation_cost", ()),
        ("load.chassis_cost", ()),
        ("load.call_cost", others),
        ("load.purchase_cost", others),
        ("load.hot_product", ()),
    )


def _introduction() -> str:
    head = ("git", "rev-parse", "--short", "HEAD")
    commit = subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"# What calls and purchases cost\n\n`make bench` at {commit} on {today}, {os.cpu_count()} cores, which the "
        "measurement uses too. Figures of one run can be compared with each other; those of two machines, or of two "
        "runs on a shared machine, cannot.\n\n"
    )


def _publish(into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for file in (_REPORT, *_REPORT.parent.glob("*.svg")):
        shutil.copyfile(file, into / file.name)
    print(f"for check-in: {into}")


if __name__ == "__main__":
    sys.exit(main())
