"""What happened, for other services to know. Adapters encode facts for the bus."""

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
    """How much of each product."""


@dataclass(frozen=True)
class StockReleased:
    """An order gave back what it held or was sold."""

    order_id: UUID
    quantities: Mapping[str, int]
    reason: ReleaseReason


@dataclass(frozen=True)
class StockShort:
    """An order is paid, and too little is left of what it asks for."""

    order_id: UUID
    quantities: Mapping[str, int]


@dataclass(frozen=True)
class StockLow:
    """A product fell below its threshold."""

    product_id: str
    available: int


Fact = StockReserved | StockReleased | StockShort | StockLow
