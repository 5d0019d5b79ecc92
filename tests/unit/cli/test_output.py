"""What is printed where no terminal is."""

import json

import pytest

from cli import output

LONG = "b" * 200


def test_a_table_is_cut_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    output.show([{"a": LONG, "c": None}, {"a": "[red]", "c": 2}], ["a", "c"], as_json=False, empty="none")
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == [LONG]
    assert second.split() == ["[red]", "2"]


def test_no_rows_is_a_message_only_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    output.show([], ["a"], as_json=False, empty="none")
    output.show([], ["a"], as_json=True, empty="none")
    assert capsys.readouterr().out == "none\n"


def test_a_program_gets_everything_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    output.show([{"a": LONG, "more": 1}, {"a": "é"}], ["a"], as_json=True, empty="none")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [{"a": LONG, "more": 1}, {"a": "é"}]
