"""The catalog, its stock and the reservations, in PostgreSQL. (What moved the stock: moves.py.)

Functions take the connection whose transaction they belong to. Every change of stock is one guarded UPDATE that locks
products in the order of their ids, as the last statement of its transaction: a product that everybody buys is locked
for the length of a commit, and two orders never wait for each other crosswise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.chassis.money import Money
from services.chassis.postgres import Connection, Record
from services.inventory.domain import (
    Effect,
    Level,
    MoveKind,
    NoReservation,
    PricedLine,
    Product,
    ReleaseReason,
    Status,
    quantities,
)

_SELECT_PRODUCTS = "SELECT id, name, description, price, currency, on_hand - held AS available FROM products"


@dataclass(frozen=True)
class Reservation:
    """What an order has, had, or will never have of the stock."""

    order_id: UUID
    status: Status
    release_reason: ReleaseReason | None
    currency: str
    expires_at: datetime
    lines: Sequence[PricedLine]


@dataclass(frozen=True)
class NewProduct:
    """A product as it is put into the catalog."""

    id: str
    name: str
    description: str
    price_minor: int
    currency: str
    on_hand: int
    low_stock_threshold: int | None = None


@dataclass(frozen=True)
class ProductChange:
    """What is to become of a product; None leaves a field as it is."""

    id: str
    name: str | None = None
    description: str | None = None
    price: Decimal | None = None
    """In the new currency, or in the one that the product has."""
    currency: str | None = None
    low_stock_threshold: int | None = None


async def products(connection: Connection, ids: Sequence[str]) -> dict[str, Product]:
    """The products of these ids that there are."""
    rows = await connection.fetch(_SELECT_PRODUCTS + " WHERE id = ANY($1)", list(ids))
    return {row["id"]: _product(row) for row in rows}


async def page_of_products(connection: Connection, after: str, limit: int) -> list[Product]:
    """So many products whose ids come after this one, by id."""
    rows = await connection.fetch(
        _SELECT_PRODUCTS + " WHERE id > $1 ORDER BY id LIMIT $2",
        after,
        limit,
    )
    return [_product(row) for row in rows]


async def add_missing_products(connection: Connection, new: Sequence[NewProduct]) -> None:
    """Put products into the catalog; those whose id is there already stay as they are."""
    await connection.executemany(
        "INSERT INTO products (id, name, description, price, currency, on_hand) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (id) DO NOTHING",
        [(p.id, p.name, p.description, Money(p.price_minor, p.currency).decimal, p.currency, p.on_hand) for p in new],
    )


async def add_product(connection: Connection, new: NewProduct) -> Product | None:
    """Put a product into the catalog; None when its id is there already."""
    row = await connection.fetchrow(
        "INSERT INTO products (id, name, description, price, currency, on_hand, low_stock_threshold)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"
        " RETURNING id, name, description, price, currency, on_hand - held AS available",
        new.id,
        new.name,
        new.description,
        Money(new.price_minor, new.currency).decimal,
        new.currency,
        new.on_hand,
        new.low_stock_threshold,
    )
    return _product(row) if row else None


async def lock_currency(connection: Connection, product_id: str) -> str | None:
    """What a product is priced in, which stays so until the transaction ends; None when there is no such product."""
    found: str | None = await connection.fetchval(
        "SELECT currency FROM products WHERE id = $1 FOR NO KEY UPDATE", product_id
    )
    return found


async def change_product(connection: Connection, change: ProductChange) -> Product | None:
    """Write what is present of the change; None when there is no such product.

    One statement: changes of different fields at the same time both stay, of the same field the later one does.
    """
    row = await connection.fetchrow(
        "UPDATE products SET name = coalesce($2, name), description = coalesce($3, description),"
        " price = coalesce($4, price), currency = coalesce($5, currency),"
        " low_stock_threshold = coalesce($6, low_stock_threshold), updated_at = now() WHERE id = $1"
        " RETURNING id, name, description, price, currency, on_hand - held AS available",
        change.id,
        change.name,
        change.description,
        change.price,
        change.currency,
        change.low_stock_threshold,
    )
    return _product(row) if row else None


async def claim(
    connection: Connection, order_id: UUID, status: Status, hold: timedelta, reason: ReleaseReason | None = None
) -> bool:
    """Make the order's reservation, without lines as yet. False: it has one.

    Waits for the end of a transaction that is making it just now.
    """
    claimed = await connection.fetchval(
        "INSERT INTO reservations (order_id, status, release_reason, expires_at) VALUES ($1, $2, $3, now() + $4)"
        " ON CONFLICT (order_id) DO NOTHING RETURNING true",
        order_id,
        status,
        reason,
        hold,
    )
    return claimed is True


async def add_lines(connection: Connection, order_id: UUID, currency: str, lines: Sequence[PricedLine]) -> datetime:
    """Write a new reservation's lines and currency; answers when its hold ends."""
    await connection.execute(
        "INSERT INTO reservation_items (order_id, line, product_id, quantity, price)"
        " SELECT $1, line, product_id, quantity, price"
        " FROM unnest($2::text[], $3::int[], $4::numeric[]) WITH ORDINALITY AS l (product_id, quantity, price, line)",
        order_id,
        [line.product_id for line in lines],
        [line.quantity for line in lines],
        [Money(line.price_minor, currency).decimal for line in lines],
    )
    expires_at: datetime = await connection.fetchval(
        "UPDATE reservations SET currency = $2 WHERE order_id = $1 RETURNING expires_at", order_id, currency
    )
    return expires_at


async def lock(connection: Connection, order_id: UUID) -> Reservation:
    """The order's reservation, locked until the transaction ends. Raises NoReservation."""
    row = await connection.fetchrow(
        "SELECT order_id, status, release_reason, currency, expires_at FROM reservations"
        " WHERE order_id = $1 FOR UPDATE",
        order_id,
    )
    if row is None:
        raise NoReservation
    lines = await connection.fetch(
        "SELECT product_id, quantity, price FROM reservation_items WHERE order_id = $1 ORDER BY line", order_id
    )
    return Reservation(
        order_id=row["order_id"],
        status=Status(row["status"]),
        release_reason=ReleaseReason(row["release_reason"]) if row["release_reason"] else None,
        currency=row["currency"] or "",
        expires_at=row["expires_at"],
        lines=[
            PricedLine(line["product_id"], line["quantity"], Money.kept(line["price"], row["currency"]).minor)
            for line in lines
        ],
    )


async def extend(connection: Connection, order_id: UUID, hold: timedelta) -> datetime:
    """Let the hold last this long from now on; answers when it ends."""
    expires_at: datetime = await connection.fetchval(
        "UPDATE reservations SET expires_at = now() + $2, updated_at = now() WHERE order_id = $1 RETURNING expires_at",
        order_id,
        hold,
    )
    return expires_at


async def move(connection: Connection, order_id: UUID, status: Status, reason: ReleaseReason | None = None) -> None:
    """Write where the reservation stands now."""
    await connection.execute(
        "UPDATE reservations SET status = $2, release_reason = $3, updated_at = now() WHERE order_id = $1",
        order_id,
        status,
        reason,
    )


async def note_shipped(connection: Connection, order_id: UUID) -> None:
    """Write that the order is on its way: it cannot be cancelled any more, so its reservation gives nothing back."""
    await connection.execute(
        "UPDATE reservations SET shipped_at = now() WHERE order_id = $1 AND shipped_at IS NULL", order_id
    )


async def prune_reservations(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` reservations that were given back or shipped before an instant; answers how many.

    Never one that is held, or sold and not shipped: its order may yet be cancelled.
    """
    tag: str = await connection.execute(
        "DELETE FROM reservations WHERE order_id IN ("
        "  (SELECT order_id FROM reservations WHERE status = 'released' AND updated_at < $1"
        "   ORDER BY updated_at LIMIT $2)"
        "  UNION ALL"
        "  (SELECT order_id FROM reservations WHERE status = 'committed' AND shipped_at < $1"
        "   ORDER BY shipped_at LIMIT $2)"
        "  LIMIT $2"
        ") AND CASE status WHEN 'released' THEN updated_at < $1 WHEN 'committed' THEN shipped_at < $1 END",
        before,
        limit,
    )
    return int(tag.rpartition(" ")[2])


@dataclass(frozen=True)
class Standing:
    """Where an order's reservation stands."""

    order_id: UUID
    status: Status
    release_reason: ReleaseReason | None


async def standing(connection: Connection, order_ids: Sequence[UUID], settled: timedelta) -> list[Standing]:
    """Those of these orders' reservations that have not changed for so long."""
    rows = await connection.fetch(
        "SELECT order_id, status, release_reason FROM reservations"
        " WHERE order_id = ANY($1) AND updated_at <= now() - $2::interval ORDER BY order_id",
        list(order_ids),
        settled,
    )
    return [
        Standing(
            row["order_id"],
            Status(row["status"]),
            ReleaseReason(row["release_reason"]) if row["release_reason"] else None,
        )
        for row in rows
    ]


async def expired(connection: Connection, limit: int) -> list[UUID]:
    """So many orders whose unused holds have ended, the longest ago first."""
    rows = await connection.fetch(
        "SELECT order_id FROM reservations WHERE status = 'held' AND expires_at < now() ORDER BY expires_at LIMIT $1",
        limit,
    )
    return [row["order_id"] for row in rows]


async def extend_expired(connection: Connection, order_ids: Sequence[UUID], hold: timedelta) -> int:
    """Let those of these orders' holds that have ended last this long from now on; answers how many."""
    tag: str = await connection.execute(
        "UPDATE reservations SET expires_at = now() + $2, updated_at = now()"
        " WHERE order_id = ANY($1) AND status = 'held' AND expires_at < now()",
        list(order_ids),
        hold,
    )
    return int(tag.rpartition(" ")[2])


async def lock_expired(connection: Connection, order_id: UUID) -> bool:
    """Lock the order's hold if it has ended and nobody else has it locked; whether that was so."""
    locked = await connection.fetchval(
        "SELECT true FROM reservations WHERE order_id = $1 AND status = 'held' AND expires_at < now()"
        " FOR UPDATE SKIP LOCKED",
        order_id,
    )
    return locked is True


async def apply(
    connection: Connection,
    kind: MoveKind,
    order_id: UUID,
    effect: Effect,
    lines: Sequence[PricedLine],
    *,
    currency: str | None = None,
) -> list[Level] | None:
    """Change the stock of all these lines' products for an order, or of none, and write the moves down.

    currency: take the stock only as long as it is sold at the lines' prices in this currency.

    None: a product has too little, or is not sold at that price any more; the caller must roll back.
    """
    wanted = quantities(lines)
    prices = {line.product_id: Money(line.price_minor, currency or "").decimal for line in lines}
    ids = sorted(wanted)
    changed = await connection.fetch(
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


def _level(row: Record) -> Level:
    available = row["on_hand"] - row["held"]
    return Level(
        product_id=row["id"],
        available_before=available - row["on_hand_delta"] + row["held_delta"],
        available=available,
        threshold=row["low_stock_threshold"],
    )


def _product(row: Record) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        price_minor=Money.kept(row["price"], row["currency"]).minor,
        currency=row["currency"],
        available=row["available"],
    )
