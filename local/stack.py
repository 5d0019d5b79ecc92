"""One stack: a data directory, a port offset, traces or none. Everything about a running system follows from these."""

import os
from dataclasses import dataclass
from pathlib import Path

from local.paths import STACKS
from local.ports import BASE, HOST, offset_from_environment


@dataclass(frozen=True)
class Stack:
    """Where a stack keeps its data and where it listens."""

    data: Path
    offset: int
    traces: bool = False
    """Whether all parts tell their spans, and a collector keeps them."""

    @classmethod
    def from_environment(cls) -> "Stack":
        """What `ARGOSY_DATA`, `ARGOSY_PORT_OFFSET` and `ARGOSY_TRACES` say. Raises ValueError on a bad one."""
        data = Path(os.environ.get("ARGOSY_DATA") or STACKS / "main")
        return cls(data.resolve(), offset_from_environment(), _wants_traces())

    def port(self, name: str) -> int:
        """A port by its name in the table."""
        return BASE[name] + self.offset

    def address(self, name: str) -> str:
        """`host:port` by the port's name."""
        return f"{HOST}:{self.port(name)}"

    def url(self, name: str, path: str = "") -> str:
        """An `http://` address by the port's name."""
        return f"http://{self.address(name)}{path}"

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to find this stack."""
        return {
            "ARGOSY_DATA": str(self.data),
            "ARGOSY_PORT_OFFSET": str(self.offset),
            "ARGOSY_TRACES": "1" if self.traces else "",
        }

    @property
    def logs(self) -> Path:
        """One file a part."""
        return self.data / "log"

    @property
    def run(self) -> Path:
        """The supervisor's own files, and configuration rendered for this run."""
        return self.data / "run"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, made once."""
        return self.data / "secrets"

    @property
    def traces_directory(self) -> Path:
        """What the collector keeps."""
        return self.data / "traces"


def _wants_traces() -> bool:
    text = os.environ.get("ARGOSY_TRACES", "")
    if text not in ("", "0", "1"):
        raise ValueError(f"ARGOSY_TRACES must be 1 (keep traces) or 0, and is {text!r}")
    return text == "1"
