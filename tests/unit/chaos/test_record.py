"""The seconds of a run."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from tests.chaos.record import Record


def test_a_runs_seconds_are_counted_from_its_beginning_and_not_from_the_preparations(tmp_path: Path) -> None:
    with patch("tests.chaos.record.time.monotonic", side_effect=[100.0, 133.0, 135.0]):
        record = Record(tmp_path / "requests.jsonl")
        record.begin()
        assert record.now == 2.0
    record.close()
