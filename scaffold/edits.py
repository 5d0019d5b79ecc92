"""Puts lines into files that exist. All places are found before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


class NoPlace(Exception):
    """A file has another form than the skeleton's, so that a person has to write it; the text says what and where."""


class Edits:
    """Changes of files under a root, written at once by `write`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[Path, str] = {}

    def text(self, path: str) -> str:
        """A file as it will be. Raises NoPlace when there is none."""
        key = Path(path)
        if key not in self._texts:
            if not (self._root / key).is_file():
                raise NoPlace(f"there is no {path}")
            self._texts[key] = (self._root / key).read_text(encoding="utf-8")
        return self._texts[key]

    def add(self, path: str | Path, text: str) -> None:
        """A new file. Raises NoPlace when it is there."""
        if (self._root / path).exists():
            raise NoPlace(f"{path} is there")
        self._texts[Path(path)] = text

    def replace(self, path: str, place: str, new: str | Callable[[re.Match[str]], str], what: str) -> None:
        """Replaces the first match of a pattern (with ^ and $ at lines). Raises NoPlace: there is none for `what`."""
        text, count = re.subn(place, new, self.text(path), count=1, flags=re.MULTILINE)
        if not count:
            raise NoPlace(f"{path}: no place for {what}")
        self._texts[Path(path)] = text

    def append(self, path: str, text: str) -> None:
        """Puts text at a file's end."""
        self._texts[Path(path)] = self.text(path).rstrip("\n") + "\n" + text

    def method(self, path: str, name: str, text: str) -> None:
        """Adds a method at a class's end."""
        place = rf"^(class {name}\b.*\n(?:(?: .*)?\n)*(?: .*\n))"
        self.replace(path, place, lambda m: f"{m[1]}{text}", f"a method of {name}")

    def imports(self, path: str, *lines: str) -> None:
        """Adds imports; ruff puts them where they belong."""
        text = "".join(f"{line}\n" for line in lines)
        self.replace(path, r"^from __future__ import annotations\n", lambda m: f"{m[0]}\n{text}", "imports")

    def argument(self, path: str, call: str, argument: str) -> None:
        """Adds an argument to a call that has one a line."""
        place = rf"(\b{call}\(\n(?:        .*\n)*)(    \))"
        self.replace(path, place, lambda m: f"{m[1]}        {argument},\n{m[2]}", f"`{argument}` in {call}(…)")

    def write(self) -> list[Path]:
        """Writes all of it; answers the files."""
        for path, text in self._texts.items():
            (self._root / path).parent.mkdir(parents=True, exist_ok=True)
            (self._root / path).write_text(text, encoding="utf-8")
        return sorted(self._texts)
