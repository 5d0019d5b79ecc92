"""README's table of the saga names tests that exist."""

from __future__ import annotations

from local.paths import ROOT


def test_every_row_of_the_saga_names_tests_that_are_there() -> None:
    section = (ROOT / "README.md").read_text().partition("## How a purchase stays whole")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    named = [name for row in rows for name in row[-1].split(", ")]
    assert [name for name in named if not (ROOT / "tests" / f"{name}.py").is_file()] == []
