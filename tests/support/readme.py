"""README.md as a newcomer types it: every block of commands, in order, in one shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT
from local.ports import BASE

TYPED = "sh"
NEEDS_A_CLUSTER = "console"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}\S", re.MULTILINE)
_PATIENCE_SECONDS = 1_800
_LOOPBACK = "ip link set lo up && exec bash"


@dataclass(frozen=True)
class Block:
    """Commands under one heading."""

    heading: str
    language: str
    text: str


def blocks(document: Path = ROOT / "README.md") -> list[Block]:
    """All fenced blocks. Raises ValueError for an indented one: nobody would type it."""
    text = document.read_text(encoding="utf-8")
    if _INDENTED.search(_FENCE.sub("", text)):
        raise ValueError("README.md has an indented block: fence it, with sh if a test runs it")
    found = []
    for fence in _FENCE.finditer(text):
        headings = re.findall(r"^## (.*)$", text[: fence.start()], re.MULTILINE)
        found.append(Block(headings[-1] if headings else "", fence[1], fence[2]))
    return found


class Newcomer:
    """Somebody at a shell in the repository, with a stack of their own.

    With a network of their own (as root on Linux) every default port is free, and the text is typed as it stands. Else
    every port is shifted by `offset`, in the text too.
    """

    def __init__(self, data: Path, offset: int) -> None:
        self._alone = os.geteuid() == 0 and shutil.which("unshare") is not None and shutil.which("ip") is not None
        self._offset = 0 if self._alone else offset
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ARGOSY_", "PYTEST_"))},
            "ARGOSY_DATA": str(data),
            "ARGOSY_PORT_OFFSET": str(self._offset),
        }

    def types(self, steps: Sequence[str]) -> list[str]:
        """What each step prints, stderr included. Raises AssertionError when the shell ends before the last."""
        script = "".join(f"{self._shifted(step)}\nprintf '\\n%s\\n' {_END}\n" for step in steps)
        command = ["unshare", "--net", "bash", "-c", _LOOPBACK] if self._alone else ["bash"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
        *printed, rest = done.stdout.split(f"\n{_END}\n")
        assert len(printed) == len(steps), f"the shell ended in step {len(printed)}:\n{rest}"
        return printed

    def _shifted(self, step: str) -> str:
        ports = "|".join(str(port) for port in BASE.values())
        return re.sub(rf"(?<=127\.0\.0\.1:)({ports})\b", lambda port: str(int(port[1]) + self._offset), step)


_END = "=====end-of-step====="
