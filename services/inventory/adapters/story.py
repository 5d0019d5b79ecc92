"""The inventory service's part of an order's story: its reservation, and each stock move."""

from __future__ import annotations

from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.chassis.data.story import Kind, Moment, outbox_moments
from services.inventory.domain.reservations import Status

SERVICE = "inventory"


async def story_of(connection: Connection, order_id: UUID) -> list[Moment]:
    """The moments of the order's reservation and stock, unsorted."""
    reservations = await connection.fetch("SELECT * FROM reservations WHERE order_id = $1", order_id)
    moves = await connection.fetch(
        "SELECT product_id, kind, on_hand_delta, held_delta, on_hand, held, moved_at FROM stock_moves"
        " WHERE order_id = $1 ORDER BY id",
        order_id,
    )
    return [
        *(moment for row in reservations for moment in _reservation(row)),
        *map(_move, moves),
        *await outbox_moments(connection, SERVICE, str(order_id)),
    ]


def _reservation(row: Record) -> list[Moment]:
    moments = [Moment(row["created_at"], SERVICE, Kind.STOCK, "reservation is made")]
    reason = f" ({row['release_reason']})" if row["release_reason"] else ""
    if row["updated_at"] != row["created_at"]:
        moments.append(Moment(row["updated_at"], SERVICE, Kind.STOCK, f"reservation is {row['status']}{reason}"))
    if row["status"] == Status.HELD:
        moments.append(Moment(row["expires_at"], SERVICE, Kind.WAITING, "the hold ends unless it is used or extended"))
    return moments


def _move(row: Record) -> Moment:
    text = f"{row['kind']} {row['product_id']}: on hand {row['on_hand_delta']:+d}, held {row['held_delta']:+d}"
    after = f"{text} → {row['on_hand']} on hand, {row['held']} held"
    return Moment(row["moved_at"], SERVICE, Kind.STOCK, after, {"productId": row["product_id"], "kind": row["kind"]})
