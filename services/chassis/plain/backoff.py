"""Delays between retries: exponential backoff with a cap and jitter."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first: float, most: float) -> Iterator[float]:
    """An endless series of delays in seconds. Each is random, between half its step and its step; steps double."""
    step = first
    while True:
        yield random.uniform(step / 2, step)  # noqa: S311 - spreads load, keeps no secret
        step = min(step * 2, most)
