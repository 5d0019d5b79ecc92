"""A copy of the services' source that a stack runs from, with one mutation or none."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT
from tests.chaos.layout import INSTANCES


class NotApplicable(Exception):
    """The text that a mutation replaces is not in its file exactly once: the product has changed."""


@dataclass(frozen=True)
class Replacement:
    """One textual change of one file."""

    file: str
    """Relative to the root of the repository; below `services`."""
    before: str
    after: str

    def applied_to(self, text: str) -> str:
        """The changed text. Raises NotApplicable."""
        count = text.count(self.before)
        if count != 1:
            raise NotApplicable(f"{self.file}: found {count} times, not once: {self.before!r}")
        return text.replace(self.before, self.after)


def write(directory: Path, replacement: Replacement | None) -> None:
    """Put a fresh copy of the services there, changed or not. Raises NotApplicable, and then leaves no copy."""
    copy = directory / "services"
    shutil.rmtree(copy, ignore_errors=True)
    text = None if replacement is None else replacement.applied_to((ROOT / replacement.file).read_text())
    shutil.copytree(ROOT / "services", copy, ignore=shutil.ignore_patterns("__pycache__"))
    if replacement is not None and text is not None:
        (directory / replacement.file).write_text(text)


def settings(directory: Path) -> list[str]:
    """What has every service of a stack run from the copy, for `up`."""
    # "Safe path" keeps the working directory, which is the checkout, from coming first.
    return [
        setting
        for instance in INSTANCES
        for setting in (f"{instance}.PYTHONPATH={directory}", f"{instance}.PYTHONSAFEPATH=1")
    ]
