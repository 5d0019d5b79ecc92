"""The customer written in Go (tests/clients/go), built once for each state of its sources and of the contract."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from codegen.paths import tool
from local.paths import ROOT, STACKS
from local.setup import go

_SOURCES = ROOT / "tests" / "clients" / "go"
_WORK = STACKS / "clients"


def built() -> Path:
    """The program. Makes its stubs from proto/ and compiles it, unless that was done already.

    Raises subprocess.CalledProcessError; buf's and Go's words are on stderr by then.
    """
    _WORK.mkdir(parents=True, exist_ok=True)
    program = _WORK / f"go-{_state()}"
    with (_WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    module = _WORK / "go"
    shutil.rmtree(module, ignore_errors=True)
    shutil.copytree(_SOURCES, module)
    environment = go.environment()
    for command in (
        [str(tool("buf")), "generate", str(ROOT)],
        ["go", "vet", "."],
        ["go", "build", "-o", str(program), "."],
    ):
        subprocess.run(command, cwd=module, env=environment, check=True)


def _state() -> str:
    digest = hashlib.sha256((ROOT / "generated" / "descriptors.binpb").read_bytes())
    for file in sorted(_SOURCES.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
