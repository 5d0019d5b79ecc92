"""Adds golden files that are missing (`make golden`); with `--release` also this release's whole orders.

Never changes a file that exists.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.version import VERSION
from tests.golden import examples
from tests.golden.corpus import UNIT


def missing(release: str | None, under: Path = UNIT) -> Iterator[tuple[Path, Any]]:
    """The files that today's facts need and that do not exist, with their content."""
    for service, its in examples.of_services().items():
        for name, content in its.files(release=release).items():
            file = under / service / "golden" / name
            if not file.exists():
                yield file, {"release": VERSION, **content} if isinstance(content, dict) else content


def main() -> None:
    """Write the missing files, and print their names."""
    for file, content in missing(VERSION if "--release" in sys.argv[1:] else None):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        print(file.relative_to(UNIT))


if __name__ == "__main__":
    main()
