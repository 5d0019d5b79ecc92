"""One example of each fact of the service, every field set (tests/golden)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.inventory.adapters.facts import encode
from services.inventory.domain.facts import Fact, StockLow, StockReleased, StockReserved, StockShort
from services.inventory.domain.reservations import ReleaseReason
from tests.golden.examples import ORDER, bus_files, records

QUANTITIES = {"bell": 2, "chart": 1}
FACTS: Sequence[Fact] = (
    StockReserved(ORDER, QUANTITIES),
    StockReleased(ORDER, QUANTITIES, ReleaseReason.CANCELLED),
    StockShort(ORDER, QUANTITIES),
    StockLow("bell", 4),
)


def facts() -> Sequence[Fact]:
    """One of each."""
    return FACTS


def files(*, release: str | None) -> Mapping[str, Any]:
    """The golden files of today's events."""
    return bus_files(records("inventory", encode, FACTS))
