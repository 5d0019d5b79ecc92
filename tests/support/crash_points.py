"""All crash points there are, read from the source: names in it are literals, or composed in the few ways below.

| in the source | points |
| --- | --- |
| `reach("a", "b")` | `a.b` |
| `transaction("a")`, `begin("a")`, `work.once("a", …)`, `idempotency.once(…, "a")` | `a.before_commit`, `a.committed` |
| `_asking("a")` of the Stripe gateway | `stripe.a.before`, `stripe.a.answered` |
| `stub.Rpc(…)` | `call.Rpc.before`, `call.Rpc.answered` |
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from facts.system import system
from local import data
from local.ports import SERVICES
from local.stack import Stack
from services.chassis.plain.crash_points import VARIABLE
from tests.support.letters import EVENTS

ROOT = Path(__file__).parents[2]
COMMANDS = "commands"
"""Stands for processes that end: `argosy`, and the services' own commands."""

_ON_POSTGRES = tuple(one.name for one in system().with_store("postgres"))
_CONSUMERS = tuple(system().consumers)
_PUBLISHERS = system().publishers
_SHARED: Mapping[str, Collection[str]] = {
    "relay": _PUBLISHERS,
    "outbox": tuple(name for name in _ON_POSTGRES if name in _PUBLISHERS),
    "consumer": _CONSUMERS,
    "dead_letter": _CONSUMERS,
    "letter": tuple(name for name in _CONSUMERS if name in EVENTS),
    "inbox": tuple(name for name in _ON_POSTGRES if name in _CONSUMERS),
    "idempotency": tuple(name for name in _ON_POSTGRES if "IDEMPOTENCY_SECRET" in system()[name].secrets),
    "housekeeping": _ON_POSTGRES,
    "migration": (COMMANDS,),
}
"""Which processes have a mechanism of the chassis."""
_OF_COMMANDS = (
    *("rebuild.", "keys.", "inventory.seed.", "user.change_staff."),
    *("notification.retry.", "payment.retry.", "payment.settle_otherwise."),
)
"""Points of the services' code that only commands come to."""
_SELF = tuple(
    f"services/chassis/{name}.py"
    for name in ("plain/crash_points", "data/postgres", "data/postgres_work", "rpc/client")
)
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
    if isinstance(call.func, ast.Name):
        yield from _of_function(call, call.func.id)
    elif isinstance(call.func, ast.Attribute):
        yield from _of_method(call, call.func)


def _of_function(call: ast.Call, name: str) -> Iterator[str]:
    if name == "reach" and "stripe" not in map(_literal, call.args):
        yield ".".join(map(_text, call.args))
    elif name == "once" and len(call.args) == _ONCE_ARGUMENTS:
        yield from _around(_text(call.args[-1]), "before_commit", "committed")


def _of_method(call: ast.Call, called: ast.Attribute) -> Iterator[str]:
    name = _commit_name(call, called)
    if name is not None:
        yield from _around(_text(name), "before_commit", "committed")
    elif called.attr == "_asking":
        yield from _around(f"stripe.{_text(call.args[0])}", "before", "answered")
    elif isinstance(called.value, ast.Attribute) and called.value.attr in ("stub", "_stub"):
        yield from _around(f"call.{called.attr}", "before", "answered")


def _commit_name(call: ast.Call, called: ast.Attribute) -> ast.expr | None:
    """What names the transaction that the call makes."""
    if not call.args:
        return None
    if isinstance(called.value, ast.Attribute) and called.value.attr == "work":  # a unit of work
        return call.args[0] if called.attr in ("begin", "once") else None
    if called.attr == "once" and len(call.args) == _ONCE_ARGUMENTS:
        return call.args[-1]
    name = call.args[0] if called.attr == "transaction" else None
    return None if isinstance(name, ast.Name) and name.id == "point" else name  # passed on by idempotency.once


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
    """Where one process's points are noted as reached, and armed (`services.chassis.plain.crash_points`)."""

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
