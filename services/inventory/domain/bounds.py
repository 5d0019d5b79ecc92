"""Bounds on the stock that one customer may hold without paying: one account cannot take it from everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.inventory.domain.reservations import Line


@dataclass(frozen=True)
class Bounds:
    """What one customer may hold at once."""

    orders: int
    pieces: int


@dataclass(frozen=True)
class Held:
    """What a customer holds in other orders."""

    orders: int
    pieces: int


class TooMuchHeld(Exception):
    """With this order the customer would hold more than the bounds; `violations` has the field and the bound."""

    def __init__(self, bound: str) -> None:
        super().__init__(f"the stock is not reserved: {bound}; pay or cancel an order first")
        self.violations = [("items", f"must stay within the bound: {bound}")]


def check(bounds: Bounds, held: Held, lines: Sequence[Line]) -> None:
    """Raises TooMuchHeld if an order of these lines exceeds a bound."""
    if held.orders >= bounds.orders:
        raise TooMuchHeld(f"at most {bounds.orders} unpaid orders at once")
    if held.pieces + sum(line.quantity for line in lines) > bounds.pieces:
        raise TooMuchHeld(f"at most {bounds.pieces} pieces in unpaid orders")
