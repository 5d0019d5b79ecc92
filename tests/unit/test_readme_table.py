"""README's walk through a request names files that exist, and its table of the saga names tests that exist."""

from __future__ import annotations

import re

from local.paths import ROOT


def test_every_row_of_the_saga_names_tests_that_are_there() -> None:
    section = (ROOT / "README.md").read_text().partition("## How a purchase stays whole")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    named = [name for row in rows for name in row[-1].split(", ")]
    assert [name for name in named if not (ROOT / "tests" / f"{name}.py").is_file()] == []


def test_every_file_of_the_walk_through_a_request_is_there() -> None:
    section = (ROOT / "README.md").read_text().partition("## Read one request through the code")[2]
    walk = re.findall(r"\[([^]]+)\]\(([^)]+)\)", section.partition("\n## ")[0])
    assert len(walk) > 5
    assert [target for text, target in walk if not (ROOT / target).is_file() and text.endswith((".py", ".proto"))] == []
    contributing = (ROOT / "CONTRIBUTING.md").read_text().partition("Read one request first: ")[2].partition("\n\n")[0]
    named = [target for text, target in walk if text.endswith((".py", ".proto"))]
    files = re.findall(r"`([^`]+)`", contributing)
    assert [target.endswith(file) for target, file in zip(named, files, strict=True)] == [True] * len(named)
