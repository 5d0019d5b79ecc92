# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""What moved the stock, in PostgreSQL: an append-only history. (Orders' moves are written by store.apply.)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.postgres import Connection, Record
from services.inventory.domain import Level, MoveKind

_MOVE = "id, product_id, kind, on_hand_delta, held_delta, on_hand, held, order_id, moved_by, reason, moved_at"


@dataclass(frozen=True)
class StockMove:
    """One change of a product's stock, with what it was after it."""

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
    """A product's numbers, which nobody else changes until the transaction ends."""

    on_hand: int
    held: int
    low_stock_threshold: int | None


async def lock_stock(connection: Connection, product_id: str) -> LockedStock | None:
    """The product's numbers, locked; None when there is no such product."""
    row = await connection.fetchrow(
        "SELECT on_hand, held, low_stock_threshold FROM products WHERE id = $1 FOR NO KEY UPDATE", product_id
    )
    return LockedStock(row["on_hand"], row["held"], row["low_stock_threshold"]) if row else None


async def adjust(
    connection: Connection, product_id: str, locked: LockedStock, delta: int, moved_by: UUID, reason: str | None
) -> tuple[StockMove, Level]:
    """Add so much to the stock that is locked, and write down who did it."""
    row = await connection.fetchrow(
        "WITH changed AS ("
        "  UPDATE products SET on_hand = on_hand + $2, updated_at = now() WHERE id = $1 RETURNING id, on_hand, held"
        ") INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held, moved_by, reason)"
        f" SELECT id, $3, $2, 0, on_hand, held, $4, $5 FROM changed RETURNING {_MOVE}",
        product_id,
        delta,
        MoveKind.ADJUST,
        moved_by,
        reason,
    )
    before = locked.on_hand - locked.held
    return _move(row), Level(product_id, before, before + delta, locked.low_stock_threshold)


async def page(connection: Connection, product_id: str, *, before: int | None, limit: int) -> list[StockMove]:
    """So many moves of a product that came before the one of the id `before`, newest first."""
    rows = await connection.fetch(
        f"SELECT {_MOVE} FROM stock_moves WHERE product_id = $1 AND ($2::bigint IS NULL OR id < $2)"
        " ORDER BY id DESC LIMIT $3",
        product_id,
        before,
        limit,
    )
    return [_move(row) for row in rows]


def _move(row: Record) -> StockMove:
    return StockMove(**{**row, "kind": MoveKind(row["kind"])})
