"""The notification service's part of an order's story: its messages. No address, no text of a mail."""

from __future__ import annotations

from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.chassis.data.story import Kind, Moment

SERVICE = "notification"


async def story_of(connection: Connection, order_id: UUID) -> list[Moment]:
    """The messages about the order, oldest first."""
    rows = await connection.fetch("SELECT * FROM messages WHERE order_id = $1 ORDER BY id", order_id)
    return [moment for row in rows for moment in _message(row)]


def _message(row: Record) -> list[Moment]:
    facts = {"messageId": str(row["id"]), "type": row["type"], "cause": str(row["event_id"])}
    moments = [Moment(row["created_at"], SERVICE, Kind.MAIL, f"message {row['type']} is written", facts)]
    if row["status"] == "sent":
        tries = "" if row["attempts"] == 1 else f" after {row['attempts']} attempts"
        moments.append(Moment(row["sent_at"], SERVICE, Kind.MAIL, f"message {row['type']} is sent{tries}", facts))
    else:
        why = f", last error: {row['error']}" if row["error"] else ""
        text = f"message {row['type']} is {row['status']}, {row['attempts']} attempts{why}"
        moments.append(Moment(row["next_attempt_at"], SERVICE, Kind.WAITING, text, facts))
    return moments
