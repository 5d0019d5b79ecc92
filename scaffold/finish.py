"""What follows once code is written: layout, derived files, and what is left to decide."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_DECIDE = re.compile(r"(?:#|//|--) decide: (.*)")


class Unfinished(Exception):
    """A program that lays out or derives failed; the text is what it printed."""


def finish(root: Path, written: Iterable[Path]) -> None:
    """Lays out the files that were written and derives what follows from them. Raises Unfinished."""
    paths = [root / path for path in written]
    layout(root, paths)
    derive(root)


def layout(root: Path, paths: Sequence[Path]) -> None:
    """Sorts imports and formats, as `make check` wants it."""
    python = [str(path) for path in paths if path.suffix == ".py"]
    if python:
        _run(root, _tool("ruff"), "check", "--quiet", "--select=I,F401", "--fix", *python)
        _run(root, _tool("ruff"), "format", "--quiet", *python)
    for path in paths:
        if path.suffix == ".proto":
            _run(root, _tool("buf"), "format", "--write", str(path))


def derive(root: Path) -> None:
    """What `make generate` does."""
    _run(root, sys.executable, "-m", "codegen", "generate")


def unused(root: Path) -> list[str]:
    """The packages that pyproject.toml declares and nothing uses."""
    done = _start(root, sys.executable, "-m", "gates.dependencies")
    return re.findall(r"declares (\S+), which nothing uses", done.stdout + done.stderr)


def undecided(root: Path, files: Iterable[Path]) -> list[str]:
    """What the code leaves to decide: `path:line: what`, for each comment that begins with `decide:`."""
    return [
        f"{path}:{number}: {match[1]}"
        for path in sorted(files)
        if (root / path).is_file()
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1)
        if (match := _DECIDE.search(line))
    ]


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(root: Path, *command: str) -> None:
    done = _start(root, *command)
    if done.returncode:
        raise Unfinished(f"{' '.join(command[:4])} …\n{done.stdout}{done.stderr}")


def _start(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(root), str(root / "generated" / "python")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
