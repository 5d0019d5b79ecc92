"""Does what is not done yet, one set-up at a time."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from local.paths import VENV
from local.progress import CommandFailed, Line
from local.setup import prerequisites
from local.setup.checksums import WrongChecksums
from local.setup.step import Step
from local.setup.steps import steps

_LOG = VENV / "setup.log"
_LOCK = VENV / "setup.lock"


def main() -> int:
    """Entry point; `--quiet` says nothing when there was nothing to do. Returns the exit code."""
    quiet = "--quiet" in sys.argv[1:]
    if _nothing_to_do():
        return _complain(list(prerequisites.absent())) or _say_ready(quiet)
    with _alone():
        return _complain(list(prerequisites.unmet())) or _make() or _say_ready(quiet)


def _nothing_to_do() -> bool:
    return all(step.done() for step in steps())


def _make() -> int:
    with _LOG.open("w") as log:
        # A step may change what a later one sees, so each is asked when its turn comes.
        return next((1 for step in steps() if not step.done() and not _do(step, log)), 0)


def _do(step: Step, log: IO[str]) -> bool:
    try:
        with Line(step.title):
            step.run(log)
            step.record()
    except CommandFailed as failure:
        print(f"{failure.tail}\n{failure} (everything it printed: {_LOG})", file=sys.stderr)
        return False
    except (WrongChecksums, OSError) as failure:
        print(failure, file=sys.stderr)
        return False
    return True


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
    """Hold the set-up lock; the system lets go of it when the process dies."""
    VENV.mkdir(exist_ok=True)
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is running: waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
