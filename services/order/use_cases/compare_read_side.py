"""Compare the lists with the histories of orders, a page at a time. (rebuild_read_side.py compares all at once.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.plain.comparison import Drift
from services.chassis.plain.side_by_side import side_by_side
from services.order.use_cases.each_order import EachOrder
from services.order.use_cases.rebuild_read_side import Difference, Found, RebuildReadSideHandler

READ_SIDE_DIFFERS = "read_side_differs"


@dataclass(frozen=True)
class CompareReadSide(EachOrder):
    """The lists show each order as its history has it."""

    rebuild: RebuildReadSideHandler

    name = "read_side"
    kinds: Sequence[str] = (READ_SIDE_DIFFERS,)

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store is away."""
        found = await side_by_side(self._compare, subjects)
        return [_drift(difference) for differences in found for difference in differences]

    async def mend(self, drift: Drift) -> None:
        """Show the order as its history has it. Raises Unavailable, ProjectionContended."""
        await self.rebuild.of_order(drift.subject, mend=True)

    async def _compare(self, subject: str) -> list[Difference]:
        return await self.rebuild.of_order(subject, mend=False)


def _drift(difference: Difference) -> Drift:
    ours = f"the lists have it as {difference.found} {' '.join(difference.fields)}".rstrip()
    if difference.found is Found.UNREADABLE:
        return Drift(READ_SIDE_DIFFERS, difference.order_id, ours, "the order's history cannot be read")
    repair = "the lists are made to show what the history has"
    return Drift(READ_SIDE_DIFFERS, difference.order_id, ours, "the order's history", repair)
