"""Output of commands: a table for people, or one JSON object per line for programs. Nothing else goes to stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
"""The option --json, which every command has."""

Row = Mapping[str, Any]
_NO_END = 1000


def show(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows. A table shows `columns`, JSON shows every field. `empty` is printed instead of an empty table."""
    if as_json:
        for row in rows:
            show_json(row)
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    people().print(table if table.row_count else empty)


def show_json(row: Row) -> None:
    """Print one object on a line and flush."""
    sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(text: str, *, as_json: bool, **facts: Any) -> None:
    """Print the result of a command: `text` for people, `facts` as JSON for programs."""
    if as_json:
        show_json(facts)
    else:
        people().print(text)


def refuse(text: str) -> NoReturn:
    """Print one line on stderr that says why nothing was done, and exit with code 1."""
    sys.stderr.write(f"argosy: {text}\n")
    raise typer.Exit(1)


def people() -> Console:
    """A console for people. Output is data, never markup. Without a terminal, lines are not cut."""
    terminal = sys.stdout.isatty()
    return Console(markup=False, highlight=False, soft_wrap=not terminal, width=None if terminal else _NO_END)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
