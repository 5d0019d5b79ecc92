"""The newest lines of the services' logs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_BACK_BYTES = 500_000
_KEPT = 8_000


class LogTail:
    """Reads what is added to a log file, across rotations. It begins half a megabyte before the end."""

    def __init__(self, path: Path) -> None:
        self.part = path.stem
        self.recent: deque[str] = deque(maxlen=_KEPT)
        """The lines that were read, oldest first."""
        self._path = path
        self._inode = 0
        self._position = 0
        self._rest = b""

    def new(self) -> list[str]:
        """The complete lines since the last call; none while there is no file."""
        try:
            with self._path.open("rb") as file:
                lines = list(self._lines(file.fileno()))
        except FileNotFoundError:
            return []
        self.recent.extend(lines)
        return lines

    def _lines(self, file: int) -> Iterator[str]:
        status = os.fstat(file)
        if self._inode == 0:
            self._position = max(0, status.st_size - _BACK_BYTES)
        elif status.st_ino != self._inode or status.st_size < self._position:
            self._position, self._rest = 0, b""
        self._inode = status.st_ino
        added = os.pread(file, status.st_size - self._position, self._position)
        self._position += len(added)
        *whole, self._rest = (self._rest + added).split(b"\n")
        return (line.decode(errors="replace") for line in whole)
