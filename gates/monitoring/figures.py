"""The metrics that PromQL expressions name: a process exports each, or a rule records it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABELS = re.compile(r"\{[^}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w)(?!\s*\()")
_OFFSET = re.compile(r"\boffset\s+\w+")
_WORDS = frozenset(("and", "or", "unless", "bool", "inf", "nan"))


def named_in(expression: str) -> set[str]:
    """Names of the time series that an expression reads."""
    rest = expression
    for nothing in (_TEXT, _LABELS, _RANGE, _OFFSET, _GROUPING):
        rest = nothing.sub(" ", rest)
    # A number may contain letters (1e3).
    rest = re.sub(r"(?<![\w:])\d[\w.]*", " ", rest)
    return {name for name in _NAME.findall(rest) if name.lower() not in _WORDS}


def groups(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Every rule group of the files, as written, in order."""
    for file in files:
        yield from yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]


def rules(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Every rule of the files, as written."""
    for group in groups(files):
        yield from group["rules"]
