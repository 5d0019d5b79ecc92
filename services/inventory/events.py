"""How the service's facts are told on the bus."""

from __future__ import annotations

from collections.abc import Sequence

from argosy.event.v1.inventory_events_pb2 import StockLine
from services.inventory.domain import PricedLine, quantities


def stock_lines(lines: Sequence[PricedLine]) -> list[StockLine]:
    """How much of each product the lines take, each product once."""
    return [StockLine(product_id=product, quantity=quantity) for product, quantity in sorted(quantities(lines).items())]
