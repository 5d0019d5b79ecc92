"""Runs the steps that are not done; a lock allows one set-up at a time."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local.paths import VENV
from local.setup import interpreter, prerequisites
from local.setup.making import interruptible, make
from local.setup.steps import steps

_LOG = VENV / "setup.log"
_LOCK = VENV / "setup.lock"


def main() -> int:
    """Entry point; `--quiet` prints nothing if nothing was to do. Returns the exit code."""
    return interruptible(lambda: _set_up(quiet="--quiet" in sys.argv[1:]))


def _set_up(*, quiet: bool) -> int:
    if refused := interpreter.refusal():
        return _complain([refused])
    if all(step.done() for step in steps()):
        return _complain(list(prerequisites.absent())) or _say_ready(quiet)
    with _alone():
        # Another set-up may have created .venv in the meantime.
        unmet = [refused] if (refused := interpreter.refusal()) else list(prerequisites.unmet())
        return _complain(unmet) or _make() or _say_ready(quiet)


def _make() -> int:
    _LOG.unlink(missing_ok=True)
    return 0 if make(steps(), _LOG) else 1


def _complain(lines: list[str]) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def _say_ready(quiet: bool) -> int:
    if not quiet:
        print("Everything is set up.")
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the set-up lock. The operating system releases it when the process dies."""
    VENV.mkdir(exist_ok=True)
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is running: waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
