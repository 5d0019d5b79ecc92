"""Does steps while a person watches, and says why one failed."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from local.progress import CommandFailed, Line
from local.setup.checksums import WrongChecksums
from local.setup.lock import NotLocked
from local.setup.step import Step

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""


def make(steps: Iterable[Step], log_file: Path) -> bool:
    """Do what is not done yet, in order; the log takes what commands print. False after telling which step failed."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a") as log:
        # A step may change what a later one sees, so each is asked when its turn comes.
        return all(step.done() or _do(step, log) for step in steps)


def interruptible(work: Callable[[], int]) -> int:
    """The exit code of `work`. Ctrl-C is told in a line: steps that are done stay done."""
    try:
        return work()
    except KeyboardInterrupt:
        print("Interrupted. What is done stays done: the next run goes on from here.", file=sys.stderr)
        return INTERRUPTED


def _do(step: Step, log: IO[str]) -> bool:
    try:
        with Line(step.announced):
            step.run(log)
            step.record()
    except CommandFailed as failure:
        print(f"{failure.tail}\n{failure} (everything it printed: {log.name})", file=sys.stderr)
        return False
    except (WrongChecksums, NotLocked, OSError) as failure:
        print(failure, file=sys.stderr)
        return False
    return True
