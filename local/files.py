"""Atomic writes of files that only their owner can read."""

import os
from pathlib import Path


def write_private(path: Path, content: str) -> None:
    """Replace a file atomically: readers see the old or the new content, even after a crash. Mode 0600."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def make_private_directory(path: Path) -> Path:
    """Create a directory with mode 0700; missing parents follow the umask."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
