"""Named crash points in a run: which instance dies where, and which points were reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from local.stack import Stack
from tests.chaos.layout import INSTANCES, TWIN_SUFFIX
from tests.support import crash_points

TARGETS = tuple(
    f"{instance}:{point}"
    for instance in INSTANCES
    for point in crash_points.points()[instance.removesuffix(TWIN_SUFFIX)]
)
"""`instance:point`, such as `order-2:relay.acknowledged`."""


def make_directories(stack: Stack) -> None:
    """Make room for the points of all instances, before the stack is started."""
    crash_points.make_directories(stack, INSTANCES)


@dataclass
class Crashes:
    """Arms points, and counts."""

    stack: Stack
    armed: Counter[str] = field(default_factory=Counter)
    """How often each point was armed, whatever the instance."""
    died: Counter[str] = field(default_factory=Counter)
    """How often an instance came to it meanwhile, and died there."""

    @asynccontextmanager
    async def lasting(self, target: str) -> AsyncIterator[None]:
        """The instance dies if it comes to the point during the block."""
        instance, _, point = target.partition(":")
        place = crash_points.directory(self.stack, instance)
        place.arm(point)
        self.armed[point] += 1
        try:
            yield
        finally:
            if not place.disarm(point):
                self.died[point] += 1

    def reached(self) -> set[str]:
        """The points that any instance came to."""
        return set().union(*(crash_points.directory(self.stack, instance).reached() for instance in INSTANCES))

    def report(self) -> Iterator[str]:
        """Lines of Markdown."""
        every = {target.partition(":")[2] for target in TARGETS}
        reached = self.reached() & every
        yield f"{len(reached)} of {len(every)} crash points were reached; armed {self.armed.total()} times,"
        yield f"{self.died.total()} deaths."
        yield ""
        yield "| crash point | armed | died there |"
        yield "| --- | --- | --- |"
        yield from (f"| {point} | {count} | {self.died[point]} |" for point, count in sorted(self.armed.items()))
        yield ""
        yield f"Never reached: {', '.join(sorted(every - reached)) or 'none'}."
        yield ""
