"""What commands print: a table for people, or one JSON object a line for programs. Nothing else goes to stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
"""The option that every command has."""

Row = Mapping[str, Any]
_NO_END = 1000


def show(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows: `columns` names what a table shows of them, JSON has everything; `empty` is said to people alone."""
    if as_json:
        for row in rows:
            show_json(row)
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    people().print(table if table.row_count else empty)


def show_json(row: Row) -> None:
    """One object on a line of its own, at once, whoever reads."""
    sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(text: str, *, as_json: bool, **facts: Any) -> None:
    """The one thing that a command did: words for people, facts for programs."""
    if as_json:
        show_json(facts)
    else:
        people().print(text)


def refuse(text: str) -> NoReturn:
    """Say in one line why nothing was done, and end with exit code 1."""
    sys.stderr.write(f"argosy: {text}\n")
    raise typer.Exit(1)


def people() -> Console:
    """Where people read. What is printed is data, never markup; where no terminal has a width, nothing is cut."""
    terminal = sys.stdout.isatty()
    return Console(markup=False, highlight=False, soft_wrap=not terminal, width=None if terminal else _NO_END)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
