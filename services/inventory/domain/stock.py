"""Stock: what is on hand, what orders hold of it, and each stock move.

`available = on_hand - held` is never negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

MOST_ON_HAND = 2_000_000_000
"""Fits PostgreSQL's integer, with room for releases."""


class MoveKind(StrEnum):
    """Why a product's stock changed."""

    OPENING = "opening"
    """The product was added to the catalog."""
    RESERVE = "reserve"
    COMMIT = "commit"
    RELEASE = "release"
    EXPIRE = "expire"
    RECONCILE = "reconcile"
    """The product's numbers were not what its moves and reservations come to, and were set to that."""
    ADJUST = "adjust"
    """Staff corrected the stock: counted, received or written off."""


@dataclass(frozen=True)
class Level:
    """A product's stock before and after a move."""

    product_id: str
    available_before: int
    available: int
    threshold: int | None
    """Available quantity below which the product is running low; None: the service's default."""


@dataclass(frozen=True)
class StockMove:
    """One change of a product's stock, with the numbers after it."""

    id: int
    product_id: str
    kind: MoveKind
    on_hand_delta: int
    held_delta: int
    on_hand: int
    held: int
    order_id: UUID | None
    moved_by: UUID | None
    reason: str | None
    moved_at: datetime


@dataclass(frozen=True)
class LockedStock:
    """A product's numbers, locked until the unit of work ends."""

    on_hand: int
    held: int
    low_stock_threshold: int | None


@dataclass(frozen=True)
class ComparedStock:
    """A product's numbers beside those after its last move, and what reservations hold of it."""

    product_id: str
    on_hand: int
    held: int
    moved_on_hand: int
    moved_held: int
    promised: int

    @property
    def differs(self) -> bool:
        """Whether the three do not agree."""
        return (self.on_hand, self.held) != (self.moved_on_hand, self.promised) or self.moved_held != self.promised

    @property
    def can_be_repaired(self) -> bool:
        """Whether the numbers that moves and reservations come to are possible."""
        return self.moved_on_hand >= self.promised


@dataclass(frozen=True)
class Effect:
    """The effect of a step on a product's numbers, per unit of the line."""

    on_hand: int
    held: int


HOLD = Effect(on_hand=0, held=1)
SELL_HELD = Effect(on_hand=-1, held=-1)
SELL_ANEW = Effect(on_hand=-1, held=0)
UNHOLD = Effect(on_hand=0, held=-1)
RETURN = Effect(on_hand=1, held=0)


class AdjustmentRefused(Exception):
    """The adjustment would leave the possible range. `violations`: the field and what is possible."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"delta: {problem}")
        self.violations = [("delta", problem)]


def require_adjustable(on_hand: int, held: int, delta: int) -> None:
    """Check that `delta` may be added to the stock. Raises AdjustmentRefused.

    Held stock stays: it is reserved for orders.
    """
    if on_hand + delta < held:
        least = held - on_hand
        why = f"of {on_hand} in stock, {held} are held for orders" if held else f"{on_hand} are in stock"
        raise AdjustmentRefused(f"must be at least {least or 1}: {why}")
    if on_hand + delta > MOST_ON_HAND:
        raise AdjustmentRefused(f"must be at most {MOST_ON_HAND - on_hand}: stock ends at {MOST_ON_HAND}")


def has_run_low(level: Level, default_threshold: int) -> bool:
    """Whether this move took the product below its threshold: once per crossing, not once per order."""
    threshold = default_threshold if level.threshold is None else level.threshold
    return level.available < threshold <= level.available_before
