"""Shows the tables of the measurements, and appends them to the report that BENCH_REPORT names (`make bench`)."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from load.bars import bars_of_parts
from local.stack import Stack


def show(*tables: Table) -> None:
    """Print the tables, and append them to the report as Markdown."""
    console = Console()
    for table in tables:
        console.print(table)
        if report := os.environ.get("BENCH_REPORT"):
            with Path(report).open("a") as file:
                file.writelines(f"{line}\n" for line in _markdown(table))


def plot(name: str, title: str, bars: Mapping[str, Mapping[str, float]]) -> None:
    """Draw bars of parts (load/bars.py) beside the report, and show them in it; `name` is that of the file."""
    if report := os.environ.get("BENCH_REPORT"):
        (Path(report).parent / f"{name}.svg").write_text(str(bars_of_parts(title, bars)))
        with Path(report).open("a") as file:
            file.write(f"![{title}]({name}.svg)\n\n")


def name_of(stack: Stack) -> str:
    """A stack's name in tables: its checkout and its offset of ports."""
    return f"{stack.data.parents[1].name}:{stack.offset}"


def _markdown(table: Table) -> Iterator[str]:
    yield from (f"## {table.title}", "")
    yield _row(str(column.header) for column in table.columns)
    yield _row("---:" if column.justify == "right" else "---" for column in table.columns)
    yield from (_row(map(str, cells)) for cells in zip(*(column.cells for column in table.columns), strict=True))
    yield ""


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
