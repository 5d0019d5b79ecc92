"""The subjects of comparisons: each order, by its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.comparison import Page
from services.order.ports import OrderIds


@dataclass(frozen=True)
class EachOrder:
    """The part of a Comparison (comparison.py) that says what is compared."""

    ids: OrderIds

    async def page(self, place: str, limit: int) -> Page:
        """The next orders."""
        return await self.ids.page(place, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]
