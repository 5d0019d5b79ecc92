"""A client of supervisord, which runs the parts."""

import http.client
import os
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from local.files import make_private_directory, write_private
from local.part import Part
from local.paths import BIN, ROOT
from local.stack import Stack
from local.supervisor_config import render

_FROM_PERSON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "LD_LIBRARY_PATH")
_LONGEST_SOCKET_PATH = 95
_LAUNCH_SECONDS = 10


class LaunchFailed(Exception):
    """supervisord could not be started; the text gives the reason."""


@dataclass(frozen=True)
class State:
    """The state of a part in supervisord. `started` (Unix seconds) differs for each new process."""

    word: str
    pid: int
    started: int
    exit_code: int

    @property
    def idle(self) -> bool:
        """Not started yet, or stopped."""
        return self.word in ("STOPPED", "FATAL", "UNKNOWN")

    @property
    def running(self) -> bool:
        """The process has run for at least a second."""
        return self.word == "RUNNING"

    @property
    def finished(self) -> bool:
        """A task has exited with 0."""
        return self.word == "EXITED" and self.exit_code == 0

    @property
    def failing(self) -> bool:
        """The last process exited unexpectedly."""
        return self.word in ("BACKOFF", "FATAL") or (self.word == "EXITED" and self.exit_code != 0)


class Supervisor:
    """The supervisord of one stack, running or not."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._socket = stack.run / "supervisor.sock"

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            self._ask("getState")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def launch(self, parts: Iterable[Part]) -> None:
        """Start supervisord itself, detached; it starts no part yet. Raises LaunchFailed."""
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            raise LaunchFailed(f"{self._stack.data} is too long for a socket path: set ARGOSY_DATA to a shorter one")
        make_private_directory(self._stack.run)
        make_private_directory(self._stack.logs)
        configuration = self._stack.run / "supervisor.conf"
        write_private(configuration, render(self._stack, self._socket, parts))
        environment = {name: os.environ[name] for name in _FROM_PERSON if name in os.environ}
        command = [str(BIN / "supervisord"), "-c", str(configuration)]
        launched = subprocess.run(command, check=False, env=environment, cwd=ROOT, capture_output=True, text=True)
        self._await_answer(launched.stdout + launched.stderr)

    def start(self, part: Part) -> None:
        """Start a part without waiting."""
        self._ask("startProcess", f"{part.group.label}:{part.name}", False)

    def stop(self, part: Part) -> None:
        """Stop a part; returns when it has exited."""
        self._ask("stopProcess", f"{part.group.label}:{part.name}")

    def states(self) -> dict[str, State]:
        """The state of every part, by name."""
        return {
            info["name"]: State(info["statename"], info["pid"], info["start"], info["exitstatus"])
            for info in _dictionaries(self._ask("getAllProcessInfo"))
        }

    def pid(self) -> int:
        """Its own process id."""
        return int(str(self._ask("getPID")))

    def shutdown(self) -> None:
        """Make it stop every part, group by group, and then exit; returns at once."""
        self._ask("shutdown")

    def _ask(self, method: str, *arguments: object) -> Any:
        """Call a method of supervisord on a new connection: a failed connection cannot be reused."""
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _await_answer(self, output: str) -> None:
        deadline = time.monotonic() + _LAUNCH_SECONDS
        while not self.alive():
            if time.monotonic() > deadline:
                raise LaunchFailed(f"supervisord did not start: {output.strip() or 'no output'}")
            time.sleep(0.05)


def _dictionaries(answer: Any) -> list[dict[str, Any]]:
    return list(answer)
