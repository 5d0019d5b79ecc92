"""Takes a service out: its folder, its protos, its tests, its commands, and its name where others admit it as a caller.

A service on which another depends is refused. What else names it (prose, alerts, tests of several services) is listed,
for a person to decide.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from facts import system as facts
from facts.system import NOBODY, System, topic_of
from scaffold.names import BadName

_FOLDERS = (
    "services/{}",
    "proto/argosy/{}",
    "tests/unit/{}",
    "tests/contract/{}",
    "tests/integration/{}",
    "cli/services/{}",
)
_FILES = ("proto/argosy/event/v1/{}_events.proto", "tests/support/{}.py", "tests/e2e/rest_rows/{}.py")
RETIRED = Path("proto", "retired.txt")
_POLICY = re.compile(r"option \(argosy\.policy\.v1\.method\) = \{.*?\};", re.DOTALL)
_CALLERS = re.compile(r"callers: (\[[^\]]*\]|\"[a-z]+\")")
"""One caller, or a list of them."""
_ADMITS_NOBODY = f'"{NOBODY}"'
_HEADER = "# Files of released contracts that were given up on purpose: `make check` compares without them.\n"


@dataclass(frozen=True)
class Removed:
    """What was done."""

    deleted: Sequence[Path]
    changed: Sequence[Path]
    """Files in which others admitted it as a caller, and proto/retired.txt."""


def refuse_needed(system: System, name: str) -> None:
    """Raises BadName when there is no such service, or another needs it; the text names who and what for."""
    if name not in system.names:
        raise BadName(f"NAME must be one of {', '.join(system.names)}: not {name!r}")
    reasons = list(_needs(system, name))
    if reasons:
        raise BadName(f"{name} stays: {'; '.join(reasons)}")


def remove(root: Path, name: str) -> Removed:
    """Takes the service out. Raises BadName before anything has changed."""
    refuse_needed(facts.read(root), name)
    retired = _released(root, name)
    deleted = list(_delete(root, name))
    changed = [*_admit_nobody(root, name), *_retire(root, retired)]
    return Removed(deleted, changed)


def drop_dependencies(root: Path, packages: Sequence[str]) -> None:
    """Takes packages that nothing uses any more out of pyproject.toml. The locks are resolved anew by `make lock`."""
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    for package in packages:
        text = re.sub(rf'(?m)^    "{re.escape(package)}(?:\[.*?\])?",.*\n', "", text)
    path.write_text(text, encoding="utf-8")


def mentions(root: Path, name: str) -> dict[Path, int]:
    """Files under version control that still have its name as a word, but for the changelog: how often."""
    listed = subprocess.run(
        ["git", "grep", "-wicE", f"{name}|{name}s", "--", ".", ":!generated", ":!CHANGELOG.md", f":!{RETIRED}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (line.rpartition(":") for line in listed.stdout.splitlines())
    return {Path(path): int(count) for path, _, count in lines if (root / path).exists()}


def _needs(system: System, name: str) -> Iterator[str]:
    for caller in system.callers(name):
        if caller in system.names:
            yield f"{caller} calls it"
    published = {*system.publishes(name)}
    for one in system.services:
        if one.name == name:
            continue
        consumed = sorted(published.intersection(one.consumes))
        if consumed:
            yield f"{one.name} consumes {', '.join(consumed)}"
        if topic_of(name) in one.follows:
            yield f"{one.name} follows {topic_of(name)}"
    if system[name].admin_paths:
        yield f"others read {', '.join(system[name].admin_paths)} of it"


def _delete(root: Path, name: str) -> Iterator[Path]:
    for pattern in _FOLDERS:
        folder = root / pattern.format(name)
        yield from sorted(
            path.relative_to(root) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
        shutil.rmtree(folder, ignore_errors=True)
    for pattern in _FILES:
        file = root / pattern.format(name)
        if file.exists():
            yield file.relative_to(root)
            file.unlink()


def _admit_nobody(root: Path, name: str) -> Iterator[Path]:
    """Takes the service out of the callers of others' rpcs. An rpc that loses its last caller admits nobody."""
    for path in sorted((root / "proto" / "argosy").rglob("*.proto")):
        text = path.read_text(encoding="utf-8")
        changed = _POLICY.sub(lambda option: without(option[0], name), text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            yield path.relative_to(root)
    for path in sorted((root / "tests" / "contract").glob("*/who_may_call.yaml")):
        text = path.read_text(encoding="utf-8")
        changed = re.sub(r"(?m)^(\S+: )\[(.*)\]$", lambda line: _without_in_list(line, name), text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            yield path.relative_to(root)


def without(option: str, name: str) -> str:
    """A policy whose callers lack the service."""
    entries = _CALLERS.findall(option)
    if len(entries) > 1:  # the field is repeated, one caller a line
        return re.sub(rf'\s*callers: "{name}"', "", option)
    callers = re.findall(r'"([a-z]+)"', "".join(entries))
    if name not in callers:
        return option
    left = ", ".join(f'"{caller}"' for caller in callers if caller != name)
    return _CALLERS.sub(f"callers: [{left}]" if "," in left else f"callers: {left or _ADMITS_NOBODY}", option)


def _without_in_list(line: re.Match[str], name: str) -> str:
    callers = [caller.strip() for caller in line[2].split(",") if caller.strip()]
    return f"{line[1]}[{', '.join(caller for caller in callers if caller != name)}]"


def _released(root: Path, name: str) -> list[str]:
    """The service's protos that a release has."""
    own = (f"argosy/{name}/", f"argosy/event/v1/{name}_events.proto")
    return sorted(
        {
            file.name
            for release in (root / "proto" / "releases").glob("*.binpb")
            for file in FileDescriptorSet.FromString(release.read_bytes()).file
            if file.name.startswith(own)
        }
    )


def _retire(root: Path, files: Sequence[str]) -> Iterator[Path]:
    if files:
        path = root / RETIRED
        text = path.read_text(encoding="utf-8") if path.exists() else _HEADER
        path.write_text(text + "".join(f"{file}\n" for file in files), encoding="utf-8")
        yield RETIRED
