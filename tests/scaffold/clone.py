"""A scratch clone: its files, what a person types in it, and its tests on a stack of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from local.paths import PYTHON, ROOT, VENV
from tests.support.real_stack import stack_of_this_run

_OFFSET = 1_050
"""Ports of the clone's stack, above those of the run."""
_MAKE = """
argosy() { .venv/bin/python -m cli "$@"; }
make() {  # as the Makefile has it, without its set-up: the clone uses the environment of the checkout
  case "$1 $2" in
    "generate ") .venv/bin/python -m codegen generate;;
    "check QUICK=1") .venv/bin/python -m gates.check --quick;;
    "test ARGS="*) .venv/bin/python -m pytest -q -p no:cacheprovider ${2#ARGS=};;
    *) echo "this test types no make $*"; false;;
  esac
}
set -e
"""


@dataclass(frozen=True)
class Clone:
    """A checkout that a test may change."""

    root: Path

    @classmethod
    def of_this_checkout(cls, root: Path) -> Clone:
        """A copy of all files that git has or would take."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        for made in ("third_party", "web/app/dist"):  # by set-up
            shutil.copytree(ROOT / made, root / made, dirs_exist_ok=True)
        _environment(root)
        if (ROOT / ".mypy_cache").exists():
            shutil.copytree(ROOT / ".mypy_cache", root / ".mypy_cache")
        clone = cls(root)
        clone.git("init", "--quiet")
        return clone

    def git(self, *arguments: str) -> str:
        """What git prints."""
        return self._run("git", *arguments)

    def tree(self) -> str:
        """All files' names and contents, as one hash."""
        self.git("add", "--all")
        return self.git("write-tree").strip()

    def changed(self, before: str) -> dict[str, str]:
        """Path → A, M or D, for what differs from an earlier tree; what is derived is left out."""
        lines = self.git("diff-tree", "-r", "--name-status", "--no-renames", before, self.tree()).splitlines()
        found = {path: status for status, path in (line.split("\t") for line in lines)}
        return {path: status for path, status in found.items() if not path.startswith("generated/")}

    def put(self, folder: Path) -> None:
        """Copies a folder's files over those of the clone."""
        shutil.copytree(folder, self.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    def types(self, text: str) -> str:
        """What a person types at a shell, and what it prints. Fails when a command does."""
        return self._run("bash", "-c", f"{_MAKE}\n{text}")

    def check(self) -> None:
        """The quick checks pass."""
        self.types("make check QUICK=1")

    def test(self, *arguments: str) -> str:
        """Tests of the clone pass, on a stack of its own where they start one."""
        return self._run(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def _run(self, *command: str | Path) -> str:
        mine = {name: value for name, value in os.environ.items() if not re.match("ARGOSY_|PYTEST_|COV_", name)}
        done = subprocess.run(
            [str(self.root / ".venv" / "bin" / "python") if part == PYTHON else str(part) for part in command],
            cwd=self.root,
            env={
                **mine,
                "PYTHONPATH": os.pathsep.join([str(self.root), str(self.root / "generated" / "python")]),
                "ARGOSY_TEST_OFFSET": str(stack_of_this_run().offset + _OFFSET),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-8000:]}"
        return done.stdout


def _environment(root: Path) -> None:
    """The checkout's virtual environment, but that Argosy itself is the clone: services get no PYTHONPATH."""
    mine, packages = root / ".venv", Path(sysconfig.get_path("purelib")).relative_to(VENV)
    made = {"bin", "lib64", packages.parts[0]}
    for folder in (Path(), Path("bin"), packages):
        (mine / folder).mkdir(parents=True, exist_ok=True)
        for entry in (VENV / folder).iterdir():
            if entry.name not in made and not entry.name.startswith("__editable__"):
                (mine / folder / entry.name).symlink_to(entry)
    (root / "web" / "app" / "node_modules").symlink_to(ROOT / "web" / "app" / "node_modules")
    (mine / packages / "clone.pth").write_text(f"{root}\n{root / 'generated' / 'python'}\n")
