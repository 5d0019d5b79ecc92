"""All crash points there are, read from the source: names in it are literals, or composed in the few ways below.

| in the source | points |
| --- | --- |
| `reach("a", "b")` | `a.b` |
| `transaction("a")`, `once(…, "a")` of idempotency | `a.before_commit`, `a.committed` |
| `_asking("a")` of the Stripe gateway | `stripe.a.before`, `stripe.a.answered` |
| `stub.Rpc(…)` | `call.Rpc.before`, `call.Rpc.answered` |
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import data
from local.ports import SERVICES
from local.stack import Stack
from services.chassis.crash_points import VARIABLE

ROOT = Path(__file__).parents[2]
COMMANDS = "commands"
"""Stands for processes that end: `argosy`, and the services' own commands."""

_SHARED: Mapping[str, Collection[str]] = {
    "relay": ("user", "order", "payment", "inventory"),
    "outbox": ("user", "payment", "inventory"),
    "consumer": ("order", "payment", "inventory", "notification"),
    "dead_letter": ("order", "payment", "inventory", "notification"),
    "inbox": ("payment", "inventory", "notification"),
    "idempotency": ("user", "payment", "inventory"),
    "housekeeping": ("user", "payment", "inventory", "notification"),
    "migration": (COMMANDS,),
}
"""Which processes have a mechanism of the chassis."""
_OF_COMMANDS = (
    *("rebuild.", "keys.", "inventory.seed.", "user.change_staff."),
    *("notification.retry.", "payment.retry.", "payment.settle_otherwise."),
)
"""Points of the services' code that only commands come to."""
_SELF = ("services/chassis/crash_points.py", "services/chassis/postgres.py", "services/chassis/client.py")
"""Where names are composed."""


@functools.cache
def points() -> Mapping[str, Collection[str]]:
    """Process → the names of its points, sorted."""
    found: dict[str, set[str]] = {process: set() for process in (*SERVICES, COMMANDS)}
    for path in sources():
        for name in names_in(ast.parse(path.read_text())):
            for process in _processes(path.relative_to(ROOT), name):
                found[process].add(name)
    return {process: tuple(sorted(names)) for process, names in found.items()}


def sources() -> list[Path]:
    """The files that may have points."""
    paths = [path for top in ("services", "cli") for path in sorted((ROOT / top).rglob("*.py"))]
    return [path for path in paths if str(path.relative_to(ROOT)) not in _SELF]


def names_in(tree: ast.AST) -> Iterator[str]:
    """The points in a piece of source. Raises ValueError for one whose name is not readable here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)


def _of_call(call: ast.Call) -> Iterator[str]:
    called = call.func
    if isinstance(called, ast.Name):
        if called.id == "reach" and "stripe" not in map(_literal, call.args):
            yield ".".join(map(_text, call.args))
        elif called.id == "once" and len(call.args) == _ONCE_ARGUMENTS:
            yield from _around(_text(call.args[-1]), "before_commit", "committed")
    elif isinstance(called, ast.Attribute):
        if called.attr == "transaction" and call.args:
            name = call.args[0]
            if not (isinstance(name, ast.Name) and name.id == "point"):  # handed on by `once`
                yield from _around(_text(name), "before_commit", "committed")
        elif called.attr == "once" and len(call.args) == _ONCE_ARGUMENTS:
            yield from _around(_text(call.args[-1]), "before_commit", "committed")
        elif called.attr == "_asking":
            yield from _around(f"stripe.{_text(call.args[0])}", "before", "answered")
        elif isinstance(called.value, ast.Attribute) and called.value.attr in ("stub", "_stub"):
            yield from _around(f"call.{called.attr}", "before", "answered")


_ONCE_ARGUMENTS = 7


def _around(name: str, *sides: str) -> Iterator[str]:
    return (f"{name}.{side}" for side in sides)


def _text(node: ast.expr) -> str:
    found = _literal(node)
    if found is None:
        raise ValueError(f"line {node.lineno}: the name of a crash point is a literal")
    return found


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _processes(path: Path, name: str) -> Collection[str]:
    if path.parts[0] == "cli" or name.startswith(_OF_COMMANDS):
        return (COMMANDS,)
    if path.parts[1] == "chassis":
        return _SHARED[name.partition(".")[0]]
    return (path.parts[1],)


@dataclass(frozen=True)
class Directory:
    """Where one process's points are noted as reached, and armed (`services.chassis.crash_points`)."""

    path: Path

    def arm(self, name: str) -> None:
        """Let the process die when it comes to the point next."""
        (self.path / f"{name}.armed").touch()

    def disarm(self, name: str) -> bool:
        """Let it live; False: it has died there already, or was never armed."""
        try:
            (self.path / f"{name}.armed").unlink()
        except FileNotFoundError:
            return False
        return True

    def armed(self) -> set[str]:
        """The points at which the process will die."""
        return {file.name.removesuffix(".armed") for file in self.path.glob("*.armed")}

    def reached(self) -> set[str]:
        """The points to which it has come at least once."""
        return {file.name.removesuffix(".reached") for file in self.path.glob("*.reached")}


def directory(stack: Stack, process: str) -> Directory:
    """The directory of a part of a stack."""
    return Directory(stack.data / "crash-points" / process)


def make_directories(stack: Stack, processes: Iterable[str]) -> None:
    """Create the directories, before the stack is started: a process whose one is missing fails at its first point."""
    data.claim(stack)
    for process in processes:
        directory(stack, process).path.mkdir(parents=True, exist_ok=True)


def settings(stack: Stack) -> tuple[str, ...]:
    """What lets every service of a stack have points (`RealStack.settings`)."""
    return tuple(f"{service}.{VARIABLE}={directory(stack, service).path}" for service in SERVICES)
