"""Derived blocks in hand-written files: the lines between two markers.

A block begins after a line with `derived: NAME` and ends before a line with `end of NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from codegen import compose, readme
from facts.system import System

Derive = Callable[[System], str]
BLOCKS: Mapping[str, Mapping[str, Derive]] = {"compose.yaml": compose.BLOCKS, "README.md": readme.BLOCKS}
"""File → its blocks: name → function that derives the content."""


class NoBlock(Exception):
    """A block's markers are missing in a file. The text names file and block."""


def write_blocks(system: System, root: Path) -> None:
    """Update every block in its file. Raises NoBlock."""
    for name in BLOCKS:
        (root / name).write_text(derived(system, root, name), encoding="utf-8")


def drifted(system: System, root: Path) -> list[str]:
    """The files with outdated blocks. Raises NoBlock."""
    return [name for name in BLOCKS if derived(system, root, name) != (root / name).read_text(encoding="utf-8")]


def derived(system: System, root: Path, name: str) -> str:
    """The content of a file with all its blocks updated. Raises NoBlock."""
    text = (root / name).read_text(encoding="utf-8")
    for block, derive in BLOCKS[name].items():
        text = _with_block(text, name, block, derive(system))
    return text


def _with_block(text: str, file: str, block: str, content: str) -> str:
    lines = text.splitlines(keepends=True)
    begins = [index for index, line in enumerate(lines) if f"derived: {block}" in line]
    ends = [index for index, line in enumerate(lines) if f"end of {block}" in line]
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise NoBlock(f"{file}: must contain `derived: {block}` and `end of {block}`, once each and in this order")
    return "".join([*lines[: begins[0] + 1], content, *lines[ends[0] :]])
