"""The catalog, its stock and the reservations, in PostgreSQL.

Functions take the connection whose transaction they belong to. Every change of stock is one guarded UPDATE that locks
products in the order of their ids, as the last statement of its transaction: a product that everybody buys is locked
for the length of a commit, and two orders never wait for each other crosswise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import money
from services.chassis.postgres import Connection, Record
from services.inventory.domain import Effect, NoReservation, PricedLine, Product, ReleaseReason, Status

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
        [(p.id, p.name, p.description, money.to_decimal(p.price_minor), p.currency, p.on_hand) for p in new],
    )


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
        [money.to_decimal(line.price_minor) for line in lines],
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
        lines=[PricedLine(line["product_id"], line["quantity"], money.from_decimal(line["price"])) for line in lines],
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


async def expired(connection: Connection, limit: int) -> list[UUID]:
    """So many orders whose unused holds have ended, the longest ago first."""
    rows = await connection.fetch(
        "SELECT order_id FROM reservations WHERE status = 'held' AND expires_at < now() ORDER BY expires_at LIMIT $1",
        limit,
    )
    return [row["order_id"] for row in rows]


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
    effect: Effect,
    quantities: Mapping[str, int],
    prices: Mapping[str, int] | None = None,
) -> bool:
    """Change the stock of all these products, or of none.

    False: one of them has too little, or is not sold at the price given any more; the caller must roll back.
    """
    ids = sorted(quantities)
    changed = await connection.execute(
        "WITH wanted AS ("
        "  SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::numeric[]) AS w (id, on_hand, held, price)"
        "), locked AS MATERIALIZED ("
        "  SELECT id FROM products WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
        ")"
        " UPDATE products p SET on_hand = p.on_hand + w.on_hand, held = p.held + w.held, updated_at = now()"
        " FROM wanted w JOIN locked USING (id)"
        " WHERE p.id = w.id AND (w.price IS NULL OR p.price = w.price)"
        "   AND p.on_hand + w.on_hand >= p.held + w.held AND p.held + w.held >= 0",
        ids,
        [effect.on_hand * quantities[product_id] for product_id in ids],
        [effect.held * quantities[product_id] for product_id in ids],
        [money.to_decimal(prices[product_id]) if prices else None for product_id in ids],
    )
    return int(changed.rpartition(" ")[2]) == len(ids)


def _product(row: Record) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        price_minor=money.from_decimal(row["price"]),
        currency=row["currency"],
        available=row["available"],
    )
