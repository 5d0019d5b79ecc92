"""The lock files of Python packages: `python -m gates.locks make [--upgrade]` resolves them, `… check` verifies them.

Set-up installs requirements.lock; the image contains its subset requirements.runtime.lock. Installation resolves
nothing, so a package that a lock lacks would be missing at run time; the check finds it.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from local.paths import BIN, ROOT
from local.setup.interpreter import NEWEST, OLDEST
from local.setup.packages import LOCK, RUNTIME_LOCK

PYTHONS = tuple(f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))
PLATFORMS = ("x86_64-manylinux_2_31", "aarch64-manylinux_2_31")
_PROJECT = "pyproject.toml"
_COMPILE = ("pip", "compile", "--universal", "--python-version", PYTHONS[0], "--no-emit-index-url", "--generate-hashes")


class LockFailed(Exception):
    """uv could not resolve; the text is its output."""


def make(directory: Path = ROOT, *options: str) -> None:
    """Resolve both locks of a project. Versions stay, unless an option of uv changes them. Raises LockFailed."""
    compile_ = [*_COMPILE, *options, "--custom-compile-command", "make lock", _PROJECT]
    _uv([*compile_, "--extra", "dev", "--extra", "edge", "--output-file", LOCK.name], directory)
    within = ["--no-annotate", "--extra", "edge", "--constraint", LOCK.name]
    _uv([*compile_, *within, "--output-file", RUNTIME_LOCK.name], directory)


def problems() -> Iterator[str]:
    """Problems of the committed locks, with advice. Raises LockFailed if nothing can be resolved at all."""
    yield from stale(ROOT)
    yield from disagreeing(LOCK.read_text(), RUNTIME_LOCK.read_text())
    for lock in (LOCK, RUNTIME_LOCK):
        for python in PYTHONS:
            for platform in PLATFORMS:
                if lack := lacking(lock, python, platform):
                    yield f"{lock.name} is not complete for Python {python} on {platform}: {lack}"


def stale(project: Path) -> Iterator[str]:
    """The locks that differ from the result of `make lock`."""
    with tempfile.TemporaryDirectory() as scratch:
        copies = [Path(shutil.copy2(project / name, scratch)) for name in (_PROJECT, LOCK.name, RUNTIME_LOCK.name)]
        _seen_or_asked(lambda *options: make(Path(scratch), *options))
        for copy in copies:
            if copy.read_bytes() != (project / copy.name).read_bytes():
                yield f"{copy.name} is not what {_PROJECT} asks for: run `make lock`"


def disagreeing(whole: str, part: str) -> Iterator[str]:
    """Entries of one lock that the other does not list with the same version and hashes."""
    known = _entries(whole)
    for name, (version, hashes) in _entries(part).items():
        if known.get(name) != (version, hashes):
            yield f"{RUNTIME_LOCK.name} has {name} {version}, {LOCK.name} has not: run `make lock`"


def lacking(lock: Path, python: str, platform: str) -> str:
    """What a lock lacks to be complete for a Python version and platform, as uv reports it; "" if complete."""
    with tempfile.TemporaryDirectory() as nowhere:
        install = ["pip", "install", "--dry-run", "--require-hashes", "--only-binary", ":all:", "--target", nowhere]
        install += ["--python-version", python, "--python-platform", platform, "-r", str(lock)]
        try:
            _seen_or_asked(lambda *options: _uv([*install, *options], ROOT))
        except LockFailed as failure:
            return str(failure)
    return ""


def _entries(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name → version and hashes."""
    found = {}
    for entry in re.split(r"(?m)^(?=[a-z0-9])", lock):
        if named := re.match(r"([a-z0-9._-]+)==(\S+)", entry):
            found[named[1]] = named[2], frozenset(re.findall(r"sha256:[0-9a-f]{64}", entry))
    return found


def _seen_or_asked(work: Callable[..., None]) -> None:
    """Run uv with its cache only; if that is not enough, with the package index. Raises LockFailed."""
    try:
        work("--offline")
    except LockFailed:
        work()


def _uv(arguments: list[str], directory: Path) -> None:
    """Raises LockFailed."""
    command = [str(BIN / "uv"), "--no-progress", "--quiet", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LockFailed(" ".join(done.stderr.split()))


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gates.locks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make", help="resolve both locks from pyproject.toml")
    maker.add_argument("--upgrade", action="store_true", help="to the newest versions that fit")
    commands.add_parser("check", help="check that the locks match pyproject.toml and each other, for every Python")
    arguments = parser.parse_args()
    try:
        if arguments.command == "make":
            make(ROOT, *(["--upgrade"] if arguments.upgrade else []))
            return 0
        found = list(problems())
    except LockFailed as failure:
        found = [str(failure)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
