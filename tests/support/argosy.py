"""The command line `argosy`, run as an operator runs it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_AT_MOST_SECONDS = 120


@dataclass(frozen=True)
class Answered:
    """What the command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What `--json` printed. Fails when the command did not succeed."""
        assert self.code == 0, self.err
        return self.any_rows

    @property
    def any_rows(self) -> list[dict[str, Any]]:
        """What `--json` printed, also by a command that found something wrong (exit code 1)."""
        assert self.code == 0 or (self.code == 1 and self.out), self.err
        return [json.loads(line) for line in self.out.splitlines()]


async def argosy(*arguments: str, environment: Mapping[str, str], stdin: str = "") -> Answered:
    """Run it in a terminal of 200 columns with this environment besides the process's own, but no stack's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", **environment},
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), _AT_MOST_SECONDS)
    return Answered(process.returncode or 0, out.decode(), err.decode())
