# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""The stock and its moves in PostgreSQL.

Every change of stock for an order is one guarded UPDATE that locks products in the order of their ids, as the last
statement of its transaction: a product that everybody buys is locked for the length of a commit, and two orders never
wait for each other crosswise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.inventory.domain.reservations import PricedLine, quantities
from services.inventory.domain.stock import ComparedStock, Effect, Level, LockedStock, MoveKind, StockMove

_MOVE = "id, product_id, kind, on_hand_delta, held_delta, on_hand, held, order_id, moved_by, reason, moved_at"
_AFTER_ALL = 2**63 - 1
_FOLDING = 7_203_004
"""The advisory lock of the folding process."""
_DELETE_OLD = """
    WITH old AS MATERIALIZED (
        SELECT id, product_id FROM stock_moves WHERE kind <> 'opening' AND moved_at < $1 ORDER BY moved_at LIMIT $2
    ), cut AS (
        SELECT product_id, max(id) AS id FROM old GROUP BY product_id
    )
    DELETE FROM stock_moves m USING cut WHERE m.product_id = cut.product_id AND m.id <= cut.id
    RETURNING m.id, m.product_id, m.kind, m.on_hand, m.held, m.moved_at
"""
"""By ids, not by times: ids follow the order of a product's changes."""


class PostgresStock:
    """The stock on one connection (ports.Stock)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def apply(
        self,
        kind: MoveKind,
        order_id: UUID,
        effect: Effect,
        lines: Sequence[PricedLine],
        *,
        only_at_these_prices: bool = False,
    ) -> list[Level] | None:
        """See ports.Stock.apply."""
        wanted = quantities(lines)
        prices = {line.product_id: line.price.decimal for line in lines}
        currency = lines[0].price.currency if only_at_these_prices else None
        ids = sorted(wanted)
        changed = await self._connection.fetch(
            "WITH wanted AS ("
            "  SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::numeric[]) AS w (id, on_hand, held, price)"
            "), locked AS MATERIALIZED ("
            "  SELECT id FROM products WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
            "), changed AS ("
            "  UPDATE products p SET on_hand = p.on_hand + w.on_hand, held = p.held + w.held, updated_at = now()"
            "  FROM wanted w JOIN locked USING (id)"
            "  WHERE p.id = w.id AND ($5::text IS NULL OR (p.price = w.price AND p.currency = $5))"
            "    AND p.on_hand + w.on_hand >= p.held + w.held AND p.held + w.held >= 0"
            "  RETURNING p.id, p.on_hand, p.held, p.low_stock_threshold,"
            "    w.on_hand AS on_hand_delta, w.held AS held_delta"
            "), moved AS ("
            "  INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held, order_id)"
            "  SELECT id, $6, on_hand_delta, held_delta, on_hand, held, $7 FROM changed ORDER BY id"
            ")"
            " SELECT * FROM changed ORDER BY id",
            ids,
            [effect.on_hand * wanted[product_id] for product_id in ids],
            [effect.held * wanted[product_id] for product_id in ids],
            [prices[product_id] for product_id in ids],
            currency,
            kind,
            order_id,
        )
        return [_level(row) for row in changed] if len(changed) == len(ids) else None

    async def lock(self, product_id: str) -> LockedStock | None:
        """The product's numbers, locked; None when there is no such product."""
        row = await self._connection.fetchrow(
            "SELECT on_hand, held, low_stock_threshold FROM products WHERE id = $1 FOR NO KEY UPDATE", product_id
        )
        return LockedStock(row["on_hand"], row["held"], row["low_stock_threshold"]) if row else None

    async def adjust(
        self, product_id: str, locked: LockedStock, delta: int, moved_by: UUID, reason: str | None
    ) -> tuple[StockMove, Level]:
        """Add `delta` to the locked stock, and record who did it."""
        row = await self._connection.fetchrow(
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

    async def moves(self, product_id: str, *, before: int | None, limit: int) -> list[StockMove]:
        """Up to `limit` moves of a product with ids below `before`, newest first."""
        rows = await self._connection.fetch(
            f"SELECT {_MOVE} FROM stock_moves WHERE product_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            product_id,
            _AFTER_ALL if before is None else before,
            limit,
        )
        return [_move(row) for row in rows]

    async def compared(self, product_ids: Sequence[str]) -> list[ComparedStock]:
        """See ports.Stock.compared. One statement; its cost is that of the last moves and of all present holds."""
        rows = await self._connection.fetch(
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

    async def reconcile(self, locked: ComparedStock) -> None:
        """See ports.Stock.reconcile. The move's deltas make all moves add up: earlier ones may contain the error."""
        await self._connection.execute(
            "WITH changed AS ("
            "  UPDATE products SET on_hand = $2, held = $3, updated_at = now() WHERE id = $1"
            "  RETURNING id, on_hand, held"
            "), moved AS ("
            "  SELECT sum(on_hand_delta) AS on_hand, sum(held_delta) AS held FROM stock_moves WHERE product_id = $1"
            ") INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held, reason)"
            " SELECT id, $4, changed.on_hand - moved.on_hand, changed.held - moved.held,"
            " changed.on_hand, changed.held, $5 FROM changed, moved",
            locked.product_id,
            locked.moved_on_hand,
            locked.promised,
            MoveKind.RECONCILE,
            f"was {locked.on_hand} on hand, {locked.held} held",
        )


async def fold(connection: Connection, before: datetime, limit: int) -> int:
    """Replace at most `limit` moves from before an instant by their sum: each product's opening.

    The remaining moves still add up to the product's numbers. Returns the number of removed moves; one process folds
    at a time, others return 0.
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


def _level(row: Record) -> Level:
    available = row["on_hand"] - row["held"]
    return Level(
        product_id=row["id"],
        available_before=available - row["on_hand_delta"] + row["held_delta"],
        available=available,
        threshold=row["low_stock_threshold"],
    )
