"""The text of `--help`, and what fits on a screen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from rich.console import Console

from cli.app import app
from cli.top import _table


def _commands(group: Any, path: str = "argosy") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_commands_help_has_an_example_of_it(path: str) -> None:
    assert f"{path} " in f"{COMMANDS[path].help} "


def test_all_groups_are_looked_at() -> None:
    assert {"argosy trace", "argosy dlq redrive", "argosy keys list", "argosy orders rebuild"} < COMMANDS.keys()


def test_top_cuts_no_name_on_80_columns() -> None:
    row = {
        "service": "notification", "state": "waits for consumer notification-service-group, kafka",
        "calls_per_second": 1234.5, "faults_per_second": 12.34, "p95_ms": 1234.0, "unpublished": 12345.0,
        "lag": 1234.0, "dead_letters": 123.0, "breaker": "half open", "memory_mb": 123.4,
    }  # fmt: skip
    screen = io.StringIO()
    Console(file=screen, width=80).print(_table([row]))
    head, *body = screen.getvalue().splitlines()
    assert head.split() == "service state calls/s faults/s p95 ms outbox lag dead breaker MB".split()
    text = " ".join(body)
    for word in ("notification ", "waits", "1234", "12.34", "1.234e+04", "123.4", "half"):
        assert word in text
    assert "…" not in screen.getvalue()
    assert max(map(len, [head, *body])) <= 80
