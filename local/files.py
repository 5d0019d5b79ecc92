"""Files that are whole or not there, readable by their owner alone."""

import os
from pathlib import Path


def write_private(path: Path, content: str) -> None:
    """Replace a file at once; a reader sees the old content or the new, whoever dies when. Mode 0600."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def make_private_directory(path: Path) -> Path:
    """A directory that only its owner may enter; parents as the umask says."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
