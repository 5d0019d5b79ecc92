"""How long to wait before the next try: doubling, capped, with jitter so that many do not come back at once."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first: float, most: float) -> Iterator[float]:
    """Seconds to wait before each further try, for ever: each between a half and the whole of its step."""
    step = first
    while True:
        yield random.uniform(step / 2, step)  # noqa: S311 - spreads load, keeps no secret
        step = min(step * 2, most)
