"""Runs steps with progress lines, and prints why one failed."""

import fcntl
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from local.progress import CommandFailed, Line
from local.setup.checksums import WrongChecksums
from local.setup.lock import NotLocked
from local.setup.step import Step

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def make(steps: Iterable[Step], log_file: Path) -> bool:
    """Run the steps that are not done, in order. `log_file` gets the commands' output. False if one failed.

    Runs that want the same at the same time come one after another: the second finds the steps done.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        # A step may change the inputs of a later one, so each is checked when its turn comes.
        return all(step.done() or _do(step, log) for step in steps)


def interruptible(work: Callable[[], int]) -> int:
    """The exit code of `work`. Ctrl-C prints a line; completed steps stay done."""
    try:
        return work()
    except KeyboardInterrupt:
        print("Interrupted. Completed steps stay done: the next run continues.", file=sys.stderr)
        return INTERRUPTED


def _do(step: Step, log: IO[str]) -> bool:
    try:
        with Line(step.announced):
            step.run(log)
            step.record()
    except CommandFailed as failure:
        print(f"{failure.tail}\n{failure} (complete output: {log.name})", file=sys.stderr)
        return False
    except (WrongChecksums, NotLocked, OSError) as failure:
        print(failure, file=sys.stderr)
        return False
    return True
