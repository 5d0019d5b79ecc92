"""A named crash point notes that it was reached, and kills its process once where it is armed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from services.chassis.plain import crash_points

_PROGRAM = "from services.chassis.plain.crash_points import reach\nreach('between')\nprint('went on')"


def _run(directory: Path | None) -> subprocess.CompletedProcess[str]:
    variable = {} if directory is None else {crash_points.VARIABLE: str(directory)}
    environment = {name: value for name, value in os.environ.items() if name != crash_points.VARIABLE} | variable
    return subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, timeout=60)


def test_point_does_nothing_where_no_directory_is_named(tmp_path: Path) -> None:
    done = _run(None)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert not list(tmp_path.iterdir())


def test_point_is_noted_as_reached(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert [path.name for path in tmp_path.iterdir()] == ["between.reached"]


def test_armed_point_kills_once(tmp_path: Path) -> None:
    (tmp_path / "between.armed").touch()
    assert _run(tmp_path).returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["between.reached"]
    assert _run(tmp_path).returncode == 0
