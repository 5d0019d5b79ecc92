"""Lines of the services' logs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos import layout
from tests.support.real_stack import RealStack


def lines(log: Path, event: str, since: datetime) -> Iterator[Mapping[str, Any]]:
    """The lines of one event in a log, since then."""
    for line in log.read_text(errors="replace").splitlines():
        if f'"event":"{event}"' in line:
            found = json.loads(line)
            if datetime.fromisoformat(found["time"]) >= since:
                yield found


def drifts(stack: RealStack, since: datetime) -> Counter[str]:
    """How often the reconciliation found which kind of drift, and what became of it: `mail_missing, mended`."""
    return Counter(
        f"{found['kind']}, {found['outcome']}"
        for instance in layout.INSTANCES
        for found in lines(stack.stack.logs / f"{instance}.log", "drift", since)
    )
