"""All SQL statements of the services on PostgreSQL and of the chassis, read from the source.

A statement is the first argument of a method that takes SQL (`execute`, `fetch`, …). It may be composed of literals,
constants of the module, variables of the function, parameters of a private function, and attributes of the class.
Anything else raises Unreadable, unless `parts` has the values of the variable.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facts.system import system

ROOT = Path(__file__).parents[2]
CHASSIS = "chassis"

METHODS = frozenset({"execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "cursor", "prepare"})
"""The methods of asyncpg's Connection, and of Postgres, whose first argument is SQL."""
_PSYCOPG = "services/chassis/data/migrations.py"
"""Takes an advisory lock through psycopg; reads no table."""
_BEGINS_SQL = re.compile(r"\s*(SELECT\s|INSERT INTO\s|UPDATE \w+ SET\s|DELETE FROM\s|WITH \w+ AS\s)", re.IGNORECASE)

Parts = Mapping[str, Mapping[str, Sequence[str]]]
"""Place of a statement → variable → its possible values."""


class Unreadable(Exception):
    """A statement whose text cannot be read from the source."""


@dataclass(frozen=True)
class Statement:
    """A statement, and the function that executes it."""

    place: str
    """Such as `services/user/adapters/accounts.py PostgresAccounts.find`."""
    sql: str


def postgres_services() -> tuple[str, ...]:
    """The services whose statements are read."""
    return tuple(one.name for one in system().with_store("postgres"))


def statements(name: str, parts: Parts) -> list[Statement]:
    """The statements of a service, or of the chassis. Raises Unreadable."""
    paths = [path.relative_to(ROOT) for path in sorted((ROOT / "services" / name).rglob("*.py"))]
    sources = {path: (ROOT / path).read_text() for path in paths if str(path) != _PSYCOPG}
    with_sql = {path: source for path, source in sources.items() if _has_sql(ast.parse(source))}
    # All are imported first, so that classes know their subclasses.
    modules = {path: importlib.import_module(".".join(path.with_suffix("").parts)) for path in with_sql}
    return [one for path, source in with_sql.items() for one in of_module(path, source, vars(modules[path]), parts)]


def of_module(path: Path, source: str, namespace: Mapping[str, Any], parts: Parts) -> list[Statement]:
    """The statements in the source of a module.

    Raises:
        Unreadable: also for SQL that is passed to none of METHODS, and for a call outside of functions.
    """
    tree = ast.parse(source)
    module = _Module(path, namespace, parts, list(_functions(tree)))
    found = [one for function in module.functions for one in module.statements(function)]
    seen = {call for function in module.functions for call in _calls(function.node)}
    for call in _calls(tree):
        if _is_sql_call(call) and call not in seen:
            raise Unreadable(f"{path}, line {call.lineno}: outside of functions")
    for literal in _literals(tree):
        if not any(literal in one.sql for one in found):
            raise Unreadable(f"{path}: none of {sorted(METHODS)} is called with {literal!r}")
    return found


def _has_sql(tree: ast.AST) -> bool:
    return any(map(_is_sql_call, ast.walk(tree))) or any(_literals(tree))


def _is_sql_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in METHODS and node.args != []


def _literals(tree: ast.AST) -> Iterator[str]:
    """Literals that look like SQL."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _BEGINS_SQL.match(node.value):
            yield node.value


@dataclass(frozen=True)
class _Function:
    node: ast.FunctionDef | ast.AsyncFunctionDef
    owner: str
    """Its class. Empty: it has none."""

    @property
    def name(self) -> str:
        return f"{self.owner}.{self.node.name}".lstrip(".")

    @property
    def parameters(self) -> list[str]:
        arguments = self.node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        return names[1:] if self.owner else names

    def assigned(self, name: str) -> list[ast.expr]:
        """What a variable is set to; empty if it is set in any other way than by `=`."""
        stored = [one for one in ast.walk(self.node) if isinstance(one, ast.Name) and one.id == name]
        values = [
            node.value
            for node in ast.walk(self.node)
            if isinstance(node, ast.Assign) and [getattr(to, "id", None) for to in node.targets] == [name]
        ]
        return values if len(values) == sum(isinstance(one.ctx, ast.Store) for one in stored) else []


@dataclass(frozen=True)
class _Module:
    path: Path
    namespace: Mapping[str, Any]
    parts: Parts
    functions: list[_Function]

    def statements(self, function: _Function) -> Iterator[Statement]:
        for call in _calls(function.node):
            if _is_sql_call(call) and not _passes_on(function, call):
                place = f"{self.path} {function.name}"
                yield from (Statement(place, sql) for sql in self._values(call.args[0], function))

    def _values(self, expression: ast.expr, function: _Function) -> list[str]:
        """The possible values of an expression in a function."""
        names = [node.id for node in ast.walk(expression) if isinstance(node, ast.Name)]
        unknown = [name for name in dict.fromkeys(names) if name not in self.namespace and name != "self"]
        choices = [self._of_variable(name, function, expression) for name in unknown]
        values = []
        for chosen in itertools.product(*choices):
            for bound in self._instances(expression, function):
                scope = {**self.namespace, **dict(zip(unknown, chosen, strict=True)), "self": bound}
                code = compile(ast.Expression(expression), str(self.path), "eval")
                values.append(eval(code, scope))  # noqa: S307 - our own source
        if not all(isinstance(value, str) for value in values):
            raise self._unreadable(function, expression)
        return values

    def _of_variable(self, name: str, function: _Function, expression: ast.expr) -> list[str]:
        given = self.parts.get(f"{self.path} {function.name}", {}).get(name)
        if given is not None:
            return list(given)
        if name in function.parameters and function.node.name.startswith("_"):
            place = function.parameters.index(name)
            sources = [(call.args[place : place + 1], caller) for caller, call in self._calls_of(function)]
        else:
            sources = [([value], function) for value in function.assigned(name)]
        if not sources or [] in [source for source, _ in sources]:
            raise self._unreadable(function, expression)
        return [value for (source,), where in sources for value in self._values(source, where)]

    def _calls_of(self, function: _Function) -> Iterator[tuple[_Function, ast.Call]]:
        for caller in self.functions:
            for call in _calls(caller.node):
                if function.node.name in (getattr(call.func, "id", None), getattr(call.func, "attr", None)):
                    yield caller, call

    def _instances(self, expression: ast.expr, function: _Function) -> Sequence[object]:
        """What `self` may be: the class and its subclasses that have the attributes."""
        nodes = list(ast.walk(expression))
        if not any(isinstance(node, ast.Name) and node.id == "self" for node in nodes):
            return (None,)
        wanted = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
        classes = _with_subclasses(self.namespace[function.owner])
        found = [one for one in classes if all(hasattr(one, name) for name in wanted)]
        if not found:
            raise self._unreadable(function, expression)
        return found

    def _unreadable(self, function: _Function, expression: ast.expr) -> Unreadable:
        return Unreadable(f"{self.path} {function.name}, line {expression.lineno}: {ast.unparse(expression)}")


def _functions(tree: ast.AST, owner: str = "") -> Iterator[_Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _Function(node, owner)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, node.name)
        elif not isinstance(node, ast.expr):
            yield from _functions(node, owner)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Call))


def _passes_on(function: _Function, call: ast.Call) -> bool:
    """Whether the function is itself such a method, and passes its own argument on: its callers are read."""
    first = call.args[0]
    return isinstance(first, ast.Name) and function.node.name in METHODS and first.id == function.parameters[0]


def _with_subclasses(one: type) -> list[type]:
    children: list[type] = one.__subclasses__()
    return [one, *(below for child in children for below in _with_subclasses(child))]
