"""Finds the shortest plan that still fails, by leaving out ever smaller parts of it.

The method is delta debugging: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tests.chaos.plan import Fault

Fails = Callable[[Sequence[Fault]], Awaitable[bool]]


async def shrink(plan: Sequence[Fault], fails: Fails, most_runs: int) -> list[Fault]:
    """A plan out of this one that still fails, from which no single part that was tried could be left out.

    fails: runs a plan, and returns whether it failed. It is asked at most `most_runs` times.
    """
    left, parts, runs = list(plan), 2, 0
    while len(left) > 1 and runs < most_runs:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            shorter = left[:start] + left[start + size :]
            runs += 1
            if shorter and await fails(shorter):
                left, parts = shorter, max(parts - 1, 2)
                break
            if runs >= most_runs:
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(left))
    return left
