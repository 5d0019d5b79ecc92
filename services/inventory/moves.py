# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""What moved the stock, in PostgreSQL: an append-only history. (Orders' moves are written by store.apply.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.postgres import Connection, Record
from services.inventory.domain import Level, MoveKind

_MOVE = "id, product_id, kind, on_hand_delta, held_delta, on_hand, held, order_id, moved_by, reason, moved_at"


_FOLDING = 7_203_004
"""The advisory lock of whoever folds."""
_DELETE_OLD = """
    WITH old AS MATERIALIZED (
        SELECT id, product_id FROM stock_moves WHERE kind <> 'opening' AND moved_at < $1 ORDER BY moved_at LIMIT $2
    ), cut AS (
        SELECT product_id, max(id) AS id FROM old GROUP BY product_id
    )
    DELETE FROM stock_moves m USING cut WHERE m.product_id = cut.product_id AND m.id <= cut.id
    RETURNING m.id, m.product_id, m.kind, m.on_hand, m.held, m.moved_at
"""
"""By ids, not by instants: they are in the order of a product's changes."""


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
        """Whether what moves and reservations say is possible."""
        return self.moved_on_hand >= self.promised


async def compared(connection: Connection, product_ids: Sequence[str]) -> list[ComparedStock]:
    """These products. The cost is that of their last moves and of all present holds, however long the history is."""
    rows = await connection.fetch(
        "WITH promised AS MATERIALIZED ("
        "  SELECT product_id, sum(quantity)::int AS held FROM reservations JOIN reservation_items USING (order_id)"
        "  WHERE status = 'held' AND product_id = ANY($1) GROUP BY product_id"
        ")"
        " SELECT p.id AS product_id, p.on_hand, p.held, m.on_hand AS moved_on_hand, m.held AS moved_held,"
        " coalesce(promised.held, 0) AS promised"
        " FROM products p LEFT JOIN promised ON promised.product_id = p.id,"
        " LATERAL (SELECT on_hand, held FROM stock_moves WHERE product_id = p.id ORDER BY id DESC LIMIT 1) m"
        " WHERE p.id = ANY($1) ORDER BY p.id",
        list(product_ids),
    )
    return [ComparedStock(**row) for row in rows]


async def reconcile(connection: Connection, locked: ComparedStock) -> None:
    """Set a locked product's numbers to what its moves and reservations say, and write that down as a move."""
    await connection.execute(
        "WITH changed AS ("
        "  UPDATE products SET on_hand = $2, held = $3, updated_at = now() WHERE id = $1 RETURNING id, on_hand, held"
        ") INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held, reason)"
        " SELECT id, $4, 0, $5, on_hand, held, $6 FROM changed",
        locked.product_id,
        locked.moved_on_hand,
        locked.promised,
        MoveKind.RECONCILE,
        locked.promised - locked.moved_held,
        f"was {locked.on_hand} on hand, {locked.held} held",
    )


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


async def fold(connection: Connection, before: datetime, limit: int) -> int:
    """Replace at most `limit` moves from before an instant by what they come to: each product's opening.

    What remains of a product's moves comes to its numbers as before. Answers how many moves are gone; one process folds
    at a time, the others answer 0.
    """
    async with connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _FOLDING):
            return 0
        gone = await connection.fetch(_DELETE_OLD, before, limit)
        last = {row["product_id"]: row for row in sorted(gone, key=lambda row: row["id"])}
        await connection.executemany(
            "INSERT INTO stock_moves (id, product_id, kind, on_hand_delta, held_delta, on_hand, held, moved_at)"
            " OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $4, $5, $6)",
            [
                (row["id"], row["product_id"], MoveKind.OPENING, row["on_hand"], row["held"], row["moved_at"])
                for row in last.values()
            ],
        )
    return sum(row["kind"] != MoveKind.OPENING for row in gone)


def _move(row: Record) -> StockMove:
    return StockMove(**{**row, "kind": MoveKind(row["kind"])})
