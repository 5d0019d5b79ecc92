"""The data directory of a stack: marked, so that nothing else is ever deleted, and used by one command at a time."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from local.files import write_private
from local.stack import Stack

_MARKER = "stack.json"


class NotOurs(Exception):
    """The directory holds something, but no stack."""


def claim(stack: Stack) -> None:
    """Make the directory, or make sure that it is a stack's; note the ports. Raises NotOurs, having changed nothing."""
    if not ours(stack) and stack.data.exists() and any(stack.data.iterdir()):
        raise NotOurs(f"{stack.data} holds other things than a stack: set ARGOSY_DATA to a directory of its own")
    stack.data.mkdir(parents=True, exist_ok=True)
    # Others may pass through (PostgreSQL does not run as root), but not look.
    stack.data.chmod(0o711)
    write_private(stack.data / _MARKER, json.dumps({"offset": stack.offset, "traces": stack.traces}) + "\n")


def ours(stack: Stack) -> bool:
    """Whether there is a stack in the directory."""
    return (stack.data / _MARKER).is_file()


def as_started(stack: Stack) -> Stack:
    """The stack as it was last started (ports, traces or none), whatever the environment says now."""
    if not ours(stack):
        return stack
    noted = json.loads((stack.data / _MARKER).read_text())
    return replace(stack, offset=int(noted["offset"]), traces=bool(noted.get("traces")))


def delete(stack: Stack) -> None:
    """Delete everything. Raises NotOurs when the directory is no stack's."""
    if not stack.data.exists():
        return
    if not ours(stack):
        raise NotOurs(f"{stack.data} holds other things than a stack and stays as it is")
    # The marker goes last: a deletion that was cut short can be done again.
    for path in stack.data.iterdir():
        if path.name != _MARKER:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(stack.data)


@contextmanager
def alone(stack: Stack) -> Iterator[None]:
    """Keep other commands from changing this stack meanwhile; the system lets go of it when the process dies."""
    stack.data.parent.mkdir(parents=True, exist_ok=True)
    with stack.data.with_name(f"{stack.data.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another command is at work on this stack: waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
