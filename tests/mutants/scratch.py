"""A copy of the services' source that a stack runs from, with one mutation or none."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT
from tests.chaos.layout import INSTANCES


class NotApplicable(Exception):
    """The text that a mutation replaces is not below `services` exactly once: the product has changed."""


@dataclass(frozen=True)
class Replacement:
    """One textual change of the services' source, wherever in it the text is: modules may be moved."""

    before: str
    """Occurs exactly once in all of `services`."""
    after: str

    def place(self, root: Path = ROOT) -> Path:
        """The file that it changes, relative to the root of the repository or of a copy. Raises NotApplicable."""
        counts = {file: file.read_text().count(self.before) for file in sorted((root / "services").rglob("*.py"))}
        found = [file.relative_to(root) for file, count in counts.items() if count]
        if sum(counts.values()) != 1:
            where = ", ".join(map(str, found)) or "no file"
            raise NotApplicable(
                f"found {sum(counts.values())} times below services, not once ({where}):\n{self.before}"
            )
        return found[0]

    def apply(self, root: Path) -> None:
        """Change the copy below that directory. Raises NotApplicable, and then changes nothing."""
        file = root / self.place(root)
        file.write_text(file.read_text().replace(self.before, self.after))


def write(directory: Path, replacement: Replacement | None) -> None:
    """Put a fresh copy of the services there, changed or not. Raises NotApplicable."""
    copy = directory / "services"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "services", copy, ignore=shutil.ignore_patterns("__pycache__"))
    if replacement is not None:
        replacement.apply(directory)


def settings(directory: Path) -> list[str]:
    """What has every service of a stack run from the copy, for `up`."""
    # "Safe path" keeps the working directory, which is the checkout, from coming first.
    return [
        setting
        for instance in INSTANCES
        for setting in (f"{instance}.PYTHONPATH={directory}", f"{instance}.PYTHONSAFEPATH=1")
    ]
