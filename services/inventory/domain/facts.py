"""Facts for other services. Adapters encode them as events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.inventory.domain.reservations import ReleaseReason


@dataclass(frozen=True)
class StockReserved:
    """An order holds stock."""

    order_id: UUID
    quantities: Mapping[str, int]
    """Quantity by product id."""


@dataclass(frozen=True)
class StockReleased:
    """An order released what it held or was sold."""

    order_id: UUID
    quantities: Mapping[str, int]
    reason: ReleaseReason


@dataclass(frozen=True)
class StockShort:
    """A paid order needs more stock than is left."""

    order_id: UUID
    quantities: Mapping[str, int]


@dataclass(frozen=True)
class StockLow:
    """A product fell below its threshold."""

    product_id: str
    available: int


Fact = StockReserved | StockReleased | StockShort | StockLow
