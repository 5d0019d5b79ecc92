"""Runs commands with a progress line: the step, the elapsed time, and the reason of a failure."""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

TAIL_LINES = 40
_NAME_WIDTH = 38


class CommandFailed(Exception):
    """A command exited with an error; `tail` is the end of its output."""

    def __init__(self, command: Sequence[str], code: int, tail: str) -> None:
        super().__init__(f"`{' '.join(command)}` exited with {code}")
        self.tail = tail


def run(command: Sequence[str], log: IO[str], cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a command with its output in `log`. Raises CommandFailed with the end of that output."""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    log.write(f"$ {' '.join(command)}\n")
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            for line in process.stdout or ():
                tail.append(line)
                log.write(line)
        except BaseException:
            # An interrupted command must not keep changing files that the next run uses.
            process.terminate()
            process.wait()
            raise
    log.flush()
    if process.returncode:
        raise CommandFailed(command, process.returncode, "".join(tail))


class Line:
    """A progress line: title, elapsed seconds (on a terminal), then the outcome and the total time."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            self._ticker.start()
        else:
            print(f"{self._title} …", flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._ticker.is_alive():
            self._ticker.join()
        if sys.stdout.isatty():
            print("\r\033[K", end="")
        outcome = "ok" if kind is None else "stopped" if kind is KeyboardInterrupt else "FAILED"
        print(f"{self._title:<{_NAME_WIDTH}} {outcome:<7} {self._elapsed():6.1f} s", flush=True)

    def _tick(self) -> None:
        while not self._ended.wait(0.2):
            print(f"\r\033[K{self._title:<{_NAME_WIDTH}} {'…':<7} {self._elapsed():6.1f} s", end="", flush=True)

    def _elapsed(self) -> float:
        return time.monotonic() - self._started
