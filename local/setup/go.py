"""Builds programs from pinned Go modules."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from local.progress import run

_FLAGS = (
    "-mod=readonly",
    "-buildvcs=false",
    "-trimpath",
    # Programs are stripped, so what is for debuggers is not made either: a tenth of a build's time.
    "-ldflags=-s",
    "-gcflags=all=-dwarf=false",
)
"""The same for all, so that packages that programs share are compiled once."""


def environment() -> dict[str, str]:
    """The environment of the go command: a build changes no lock, and takes nothing from outside its module."""
    return dict(os.environ) | {"GOFLAGS": " ".join(_FLAGS), "GOWORK": "off"}


def build(
    module: Path, package: str, program: Path, log: IO[str], *, options: Sequence[str] = (), before: Sequence[str] = ()
) -> None:
    """Build to a temporary name and rename, so that a running program keeps its old file. Raises CommandFailed.

    Args:
        module: the directory with go.mod and go.sum.
        package: what to build there.
        program: the file to write.
        log: gets the command's output.
        options: of `go build`.
        before: what the command begins with, such as `nice`.
    """
    made = program.with_suffix(".new")
    command = [*before, "go", "build", *options, "-o", str(made), package]
    run(command, log, module, environment())
    made.replace(program)
