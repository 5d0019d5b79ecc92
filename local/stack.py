"""A stack: data directory, port offset, traces or none. All else of a running system derives from these."""

import os
from dataclasses import dataclass
from pathlib import Path

from local.paths import STACKS
from local.ports import BASE, HOST, offset_from_environment


@dataclass(frozen=True)
class Stack:
    """Identifies a stack by its data directory and ports."""

    data: Path
    offset: int
    traces: bool = False
    """Whether all parts export spans, and a collector stores them."""

    @classmethod
    def from_environment(cls) -> "Stack":
        """The stack of `ARGOSY_DATA`, `ARGOSY_PORT_OFFSET` and `ARGOSY_TRACES`. Raises ValueError on a bad value."""
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
        """The environment variables by which a child process finds this stack."""
        return {
            "ARGOSY_DATA": str(self.data),
            "ARGOSY_PORT_OFFSET": str(self.offset),
            "ARGOSY_TRACES": "1" if self.traces else "",
        }

    @property
    def logs(self) -> Path:
        """Directory of the log files, one per part."""
        return self.data / "log"

    @property
    def run(self) -> Path:
        """Directory of the supervisor's files and of configuration rendered for this run."""
        return self.data / "run"

    @property
    def secrets(self) -> Path:
        """Directory of passwords and keys, generated once."""
        return self.data / "secrets"

    @property
    def traces_directory(self) -> Path:
        """Directory of the collector's span files."""
        return self.data / "traces"


def _wants_traces() -> bool:
    text = os.environ.get("ARGOSY_TRACES", "")
    if text not in ("", "0", "1"):
        raise ValueError(f"ARGOSY_TRACES must be 1 (collect traces) or 0, not {text!r}")
    return text == "1"
