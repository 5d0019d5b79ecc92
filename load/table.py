"""Prints one table of ghz results: `python -m load.table FILE…`, each FILE a JSON report of ghz."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_COLUMNS = ("rpc", "calls", "at once", "calls/s", "mean ms", "p50 ms", "p95 ms", "errors")
_NS_IN_MS = 1_000_000


def main() -> None:
    """Print the table."""
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for report in sorted(_reports(sys.argv[1:]), key=lambda report: str(report["options"]["call"])):
        table.add_row(*row(report))
    Console(width=120).print(table)


def _reports(files: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(Path(file).read_text()) for file in files]


def row(report: dict[str, Any]) -> list[str]:
    """A report's figures; calls per second counts only successful calls."""
    good = report["statusCodeDistribution"].get("OK", 0)
    seconds = report["total"] / 1e9
    percentiles = {one["percentage"]: one["latency"] for one in report["latencyDistribution"] or ()}
    return [
        report["options"]["call"].rpartition(".")[2],
        str(report["count"]),
        str(report["options"]["concurrency"]),
        f"{good / seconds:.1f}",
        *map(_milliseconds, (report["average"], percentiles.get(50), percentiles.get(95))),
        str(report["count"] - good),
    ]


def _milliseconds(nanoseconds: float | None) -> str:
    return "" if nanoseconds is None else f"{nanoseconds / _NS_IN_MS:.1f}"


if __name__ == "__main__":
    main()
