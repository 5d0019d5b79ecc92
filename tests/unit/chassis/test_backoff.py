"""Waits grow, stay under their cap and differ."""

from __future__ import annotations

from itertools import islice

from services.chassis.plain.backoff import delays


def test_waits_double_up_to_the_cap_with_jitter() -> None:
    for steps in (list(islice(delays(first=0.1, most=1.0), 8)) for _ in range(50)):
        for step, bound in zip(steps, (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0), strict=True):
            assert bound / 2 <= step <= bound
    assert len({next(delays(first=1.0, most=1.0)) for _ in range(20)}) > 1
