"""Every row of a Markdown table begins with `|`: without it, some renderers show text instead of a table."""

import re
import subprocess

from local.paths import ROOT

_ROW_WITHOUT_FIRST_BAR = re.compile(r"^ ?[^| \n].* \|$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _unfinished(text: str) -> list[str]:
    return _ROW_WITHOUT_FIRST_BAR.findall(_CODE.sub("", text))


def test_every_row_has_its_first_bar() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [file for file in listed.stdout.split() if not file.startswith("third_party/")]
    assert len(files) > 20
    assert {file: rows for file in files if (rows := _unfinished((ROOT / file).read_text()))} == {}


def test_a_row_without_it_is_found() -> None:
    text = "| a | b |\n --- | --- |\n `x` | y |\n\ntext with `a | b`, and more\n```\n a | b |\n```\n"
    assert _unfinished(text) == [" --- | --- |", " `x` | y |"]
