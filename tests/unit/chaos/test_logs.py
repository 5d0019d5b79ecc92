"""What is counted of the services' logs."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from tests.chaos import layout, logs
from tests.support.real_stack import RealStack


def test_drifts_of_all_instances_are_counted_since_the_run_began(tmp_path: Path) -> None:
    for instance in layout.INSTANCES:
        (tmp_path / f"{instance}.log").write_text("a line that is no JSON\n")
    for instance, second, outcome in (("order", 1, "left"), ("inventory-2", 3, "mended"), ("inventory", 4, "mended")):
        time = f"2026-11-29T06:00:0{second}.000+00:00"
        line = {"time": time, "event": "drift", "kind": "stock_differs", "outcome": outcome}
        (tmp_path / f"{instance}.log").write_text(json.dumps(line, separators=(",", ":")) + "\n")
    stack = cast(RealStack, SimpleNamespace(stack=SimpleNamespace(logs=tmp_path)))
    since = datetime(2026, 11, 29, 6, 0, 2, tzinfo=UTC)
    assert logs.drifts(stack, since) == Counter({"stock_differs, mended": 2})
