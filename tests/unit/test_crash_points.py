"""Every border between two effects has its crash point, and every point's name can be read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support import crash_points
from tests.support.crash_points import ROOT

_NAMED_BY_HAND = ("grant_resets.py", "send_messages.py", "use_cases/reconcile.py", "adapters/stock.py")
"""Pollers, whose empty transactions are no effect, and a part of a chore: their points are calls of `reach`."""


def _unnamed(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
            if node.func.attr == "transaction" or ast.unparse(node.func).endswith("work.begin"):
                yield node.lineno
        elif isinstance(node, ast.Call) and len(node.args) == 6:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "once":
                yield node.lineno


def test_every_transaction_is_named() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in crash_points.sources()
        if not str(path).endswith((*_NAMED_BY_HAND, "migrations.py"))
        for line in _unnamed(ast.parse(path.read_text()))
    }
    assert found == set()


def test_each_name_has_one_place() -> None:
    """But for those on two paths to the same border, and calls of one rpc by several services."""
    names = [
        (path.relative_to(ROOT).parts[1], name)
        for path in crash_points.sources()
        for name in crash_points.names_in(ast.parse(path.read_text()))
    ]
    assert {name for name in names if names.count(name) > 1} == set()


def test_names_are_found() -> None:
    source = "reach('a', 'b')\nreach('c')\npostgres.transaction('d')\nself._asking('e')\nself.stub.Do(x)"
    assert list(crash_points.names_in(ast.parse(source))) == [
        *("a.b", "c", "d.before_commit", "d.committed"),
        *("stripe.e.before", "stripe.e.answered", "call.Do.before", "call.Do.answered"),
    ]


def test_name_that_is_not_a_literal_is_refused() -> None:
    with pytest.raises(ValueError, match="literal"):
        list(crash_points.names_in(ast.parse("reach(name)")))


def test_every_process_has_points() -> None:
    assert all(crash_points.points().values())
