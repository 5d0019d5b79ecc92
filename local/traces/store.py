"""Stores spans in two files of limited size: when one is full, the older one is deleted."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from local.traces.spans import Kept

MOST_BYTES = 64 * 1024 * 1024
_NOW, _BEFORE = "spans.jsonl", "spans.before.jsonl"


class SpanStore:
    """Appends spans to the files of a directory."""

    def __init__(self, directory: Path, most_bytes: int = MOST_BYTES) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._file = (directory / _NOW).open("a", encoding="utf-8")

    def add(self, spans: Iterable[Kept]) -> None:
        """Append spans. Readers of the files see them when this returns."""
        self._file.write("".join(json.dumps(span, ensure_ascii=False) + "\n" for span in spans))
        self._file.flush()
        if self._file.tell() > self._most_bytes:
            self._turn_over()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _turn_over(self) -> None:
        self._file.close()
        (self._directory / _NOW).replace(self._directory / _BEFORE)
        self._file = (self._directory / _NOW).open("a", encoding="utf-8")


def files(directory: Path) -> list[Path]:
    """The existing files, older first."""
    return [path for path in (directory / _BEFORE, directory / _NOW) if path.is_file()]


def read(directory: Path) -> Iterator[Kept]:
    """Every stored span, oldest first. An incomplete last line is skipped."""
    for path in files(directory):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)
