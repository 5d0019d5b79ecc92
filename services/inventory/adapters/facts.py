"""Encodes the service's facts as events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from argosy.event.v1 import inventory_events_pb2
from argosy.event.v1.inventory_events_pb2 import StockLine
from services.chassis.data.postgres_work import Outgoing
from services.inventory.domain.facts import Fact, StockLow, StockReleased, StockReserved, StockShort


def encode(fact: Fact) -> Outgoing:
    """Encode a fact as an event. Events of one order keep their order, and so do those of one product."""
    match fact:
        case StockReserved(order_id, quantities):
            event = inventory_events_pb2.StockReserved(order_id=str(order_id), items=_lines(quantities))
            return Outgoing(event, key=str(order_id), subject=str(order_id))
        case StockReleased(order_id, quantities, reason):
            released = inventory_events_pb2.StockReleased(
                order_id=str(order_id), items=_lines(quantities), reason=reason
            )
            return Outgoing(released, key=str(order_id), subject=str(order_id))
        case StockShort(order_id, quantities):
            short = inventory_events_pb2.StockShort(order_id=str(order_id), items=_lines(quantities))
            return Outgoing(short, key=str(order_id), subject=str(order_id))
        case StockLow(product_id, available):
            low = inventory_events_pb2.StockLow(product_id=product_id, available=available)
            return Outgoing(low, key=product_id, subject=product_id)
    assert_never(fact)


def _lines(quantities: Mapping[str, int]) -> list[StockLine]:
    return [StockLine(product_id=product, quantity=quantity) for product, quantity in sorted(quantities.items())]
