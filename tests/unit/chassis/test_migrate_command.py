"""The migrate command reports an error in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.data.migrations import migrate_or_exit


def test_an_absent_database_is_one_line_and_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        migrate_or_exit("postgresql://ada:a-password@127.0.0.1:1/inventory", tmp_path)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("not migrated: connection failed")
    assert "a-password" not in line
