"""`make check` says what to type when a check fails that a program can mend."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gates import check


@pytest.mark.parametrize(
    ("title", "hints"), [("ruff: format", 1), ("ruff: rules of style and safety", 1), ("mypy: types, strictly", 0)]
)
def test_a_failure_of_layout_names_the_command_that_mends_it(
    title: str, hints: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert title in dict(check.QUICK)
    monkeypatch.setattr(check, "QUICK", ((title, (sys.executable, "-c", "raise SystemExit(1)")),))
    monkeypatch.setattr(check, "VENV", tmp_path)
    monkeypatch.setattr(sys, "argv", ["check", "--quick"])
    assert check.main() == 1
    assert capsys.readouterr().out.count("`make format`") == hints
