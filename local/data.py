"""The data directory of a stack. A marker file protects other directories from deletion; a lock serializes commands."""

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
    """The directory is not empty and belongs to no stack."""


def claim(stack: Stack) -> None:
    """Create or verify the stack's directory and record the ports. Raises NotOurs before any change."""
    if not ours(stack) and stack.data.exists() and any(stack.data.iterdir()):
        raise NotOurs(f"{stack.data} contains files that belong to no stack: set ARGOSY_DATA to an empty directory")
    stack.data.mkdir(parents=True, exist_ok=True)
    # Other users may traverse it (PostgreSQL does not run as root), but not list it.
    stack.data.chmod(0o711)
    write_private(stack.data / _MARKER, json.dumps({"offset": stack.offset, "traces": stack.traces}) + "\n")


def ours(stack: Stack) -> bool:
    """Whether the directory holds a stack."""
    return (stack.data / _MARKER).is_file()


def as_started(stack: Stack) -> Stack:
    """The stack with the ports and traces of its last start, regardless of the environment."""
    if not ours(stack):
        return stack
    noted = json.loads((stack.data / _MARKER).read_text())
    return replace(stack, offset=int(noted["offset"]), traces=bool(noted.get("traces")))


def delete(stack: Stack) -> None:
    """Delete the directory. Raises NotOurs if it belongs to no stack."""
    if not stack.data.exists():
        return
    if not ours(stack):
        raise NotOurs(f"{stack.data} contains files that belong to no stack; nothing was deleted")
    # The marker is deleted last, so that an interrupted deletion can be repeated.
    for path in stack.data.iterdir():
        if path.name != _MARKER:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(stack.data)


@contextmanager
def alone(stack: Stack) -> Iterator[None]:
    """Hold the stack's lock. The operating system releases it when the process dies."""
    stack.data.parent.mkdir(parents=True, exist_ok=True)
    with stack.data.with_name(f"{stack.data.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another command is at work on this stack: waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
