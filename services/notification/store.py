"""People's addresses, what they ordered, and the messages to them, in PostgreSQL.

Functions take the connection whose transaction they belong to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.chassis import ids
from services.chassis.postgres import Connection, Record
from services.notification.domain import Kind, Preference, Status

EMAIL = "email"
READER_GONE = "its reader's account was deleted"


@dataclass(frozen=True)
class OrderSummary:
    """What a message says about an order."""

    items: Sequence[dict[str, Any]]
    total_amount: str
    currency: str


@dataclass(frozen=True)
class Message:
    """One message, as its reader sees it in the list."""

    id: UUID
    type: str
    channel: str
    subject: str
    order_id: UUID | None
    status: Status
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class DueMessage:
    """One message that is to be sent now."""

    id: UUID
    type: str
    subject: str
    order_id: UUID | None
    data: dict[str, Any]
    order: OrderSummary | None
    mail_request_id: UUID | None
    """By which the user service makes the token that the mail carries; None: it carries none."""
    attempt: int
    email: str = field(repr=False)
    name: str = field(repr=False)


async def keep_recipient(connection: Connection, user_id: UUID, email: str, name: str) -> None:
    """Write down where a person is written to. Of somebody who was forgotten nothing is kept again."""
    await connection.execute(
        "INSERT INTO recipients (user_id, email, name) VALUES ($1, $2, $3)"
        " ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, name = excluded.name, updated_at = now()"
        " WHERE recipients.forgotten_at IS NULL",
        user_id,
        email,
        name,
    )


async def forget_recipient(connection: Connection, user_id: UUID) -> list[str]:
    """Forget where a person is written to, and drop what waits for them; answers the types of those messages.

    That they were forgotten is remembered: what is still to come for them is dropped as well.
    """
    await connection.execute(
        "INSERT INTO recipients (user_id, forgotten_at) VALUES ($1, now()) ON CONFLICT (user_id) DO UPDATE"
        " SET email = NULL, name = NULL, forgotten_at = coalesce(recipients.forgotten_at, now()), updated_at = now()",
        user_id,
    )
    await connection.execute("DELETE FROM preferences WHERE user_id = $1", user_id)
    rows = await connection.fetch(
        "UPDATE messages SET status = 'dropped', error = $2, data = '{}'"
        " WHERE user_id = $1 AND status IN ('pending', 'parked') RETURNING type",
        user_id,
        READER_GONE,
    )
    return [row["type"] for row in rows]


async def keep_order(connection: Connection, order_id: UUID, order: OrderSummary) -> None:
    """Write down what was ordered."""
    await connection.execute(
        "INSERT INTO orders (order_id, items, total_amount, currency) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (order_id) DO NOTHING",
        order_id,
        json.dumps(order.items),
        order.total_amount,
        order.currency,
    )


@dataclass(frozen=True)
class NewMessage:
    """What somebody is to be told because of an event."""

    event_id: UUID
    user_id: UUID
    kind: Kind
    order_id: UUID | None = None
    mail_request_id: UUID | None = None
    data: Mapping[str, str] = field(default_factory=dict)


async def add_message(connection: Connection, message: NewMessage) -> bool:
    """Write a message, once an event and channel; whether it was written now and will never be sent.

    It is dropped when its reader does not want its kind, or was forgotten. A transaction that is forgetting them just
    now is waited for.
    """
    status: str | None = await connection.fetchval(
        """
        WITH reader AS MATERIALIZED (
            SELECT forgotten_at IS NOT NULL AS gone FROM recipients WHERE user_id = $2 FOR SHARE
        ), fate AS (
            SELECT coalesce((SELECT gone FROM reader), false) AS gone,
                   NOT $10 AND EXISTS (
                       SELECT FROM preferences WHERE user_id = $2 AND kind = $5 AND NOT email
                   ) AS unwanted
        )
        INSERT INTO messages
            (id, user_id, event_id, channel, type, subject, order_id, mail_request_id, data, status, error)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN gone THEN '{}' ELSE $9::jsonb END,
               CASE WHEN gone OR unwanted THEN 'dropped' ELSE 'pending' END, CASE WHEN gone THEN $11 END
        FROM fate
        ON CONFLICT (event_id, channel) DO NOTHING RETURNING status
        """,
        ids.new_id(),
        message.user_id,
        message.event_id,
        EMAIL,
        message.kind,
        message.kind.subject,
        message.order_id,
        message.mail_request_id,
        json.dumps(dict(message.data)),
        message.kind.is_required,
        READER_GONE,
    )
    return status == Status.DROPPED


async def take_due(connection: Connection, limit: int, lease: timedelta) -> list[DueMessage]:
    """So many messages that are due and whose reader is known, for this sender alone until the lease ends."""
    rows = await connection.fetch(
        "WITH due AS ("
        "  SELECT m.id FROM messages m JOIN recipients USING (user_id)"
        "  WHERE m.status = 'pending' AND m.next_attempt_at <= now() AND forgotten_at IS NULL"
        "  ORDER BY m.next_attempt_at LIMIT $1 FOR UPDATE OF m SKIP LOCKED"
        "), taken AS ("
        "  UPDATE messages m SET attempts = attempts + 1, next_attempt_at = now() + $2"
        "  FROM due WHERE m.id = due.id RETURNING m.*"
        ")"
        " SELECT t.id, t.type, t.subject, t.order_id, t.mail_request_id, t.data, t.attempts, r.email, r.name,"
        "        o.items, o.total_amount, o.currency"
        " FROM taken t JOIN recipients r USING (user_id) LEFT JOIN orders o USING (order_id)",
        limit,
        lease,
    )
    return [_due(row) for row in rows]


async def mark_sent(connection: Connection, message_id: UUID) -> None:
    """Write that a message was sent."""
    await connection.execute(
        "UPDATE messages SET status = 'sent', sent_at = now(), error = NULL WHERE id = $1 AND status = 'pending'",
        message_id,
    )


async def drop(connection: Connection, message_id: UUID, reason: str) -> None:
    """Write that a message is not to be sent any more, and why."""
    await connection.execute(
        "UPDATE messages SET status = 'dropped', error = $2 WHERE id = $1 AND status = 'pending'", message_id, reason
    )


async def hand_back(connection: Connection, message_id: UUID, pause: timedelta) -> None:
    """Give a message that was taken back, to be taken after the pause: this was no attempt."""
    await connection.execute(
        "UPDATE messages SET attempts = attempts - 1, next_attempt_at = now() + $2"
        " WHERE id = $1 AND status = 'pending' AND attempts > 0",
        message_id,
        pause,
    )


async def put_off(connection: Connection, message_id: UUID, pause: timedelta | None, error: str) -> None:
    """Write that sending failed and when it is tried again; never again when there is no pause."""
    await connection.execute(
        "UPDATE messages SET error = $2, next_attempt_at = now() + coalesce($3, interval '0'),"
        " status = CASE WHEN $3::interval IS NULL THEN 'parked' ELSE status END"
        " WHERE id = $1 AND status = 'pending'",
        message_id,
        error,
        pause,
    )


async def preferences_of(connection: Connection, user_id: UUID) -> dict[str, bool]:
    """What a person said about kinds of messages, by the kind's name."""
    rows = await connection.fetch("SELECT kind, email FROM preferences WHERE user_id = $1", user_id)
    return {row["kind"]: row["email"] for row in rows}


async def keep_preferences(connection: Connection, user_id: UUID, said: Sequence[Preference]) -> None:
    """Write down what a person says about these kinds; nothing of somebody who was forgotten."""
    await connection.executemany(
        "INSERT INTO preferences (user_id, kind, email) SELECT $1, $2, $3"
        " WHERE NOT EXISTS (SELECT FROM recipients WHERE user_id = $1 AND forgotten_at IS NOT NULL)"
        " ON CONFLICT (user_id, kind) DO UPDATE SET email = excluded.email, updated_at = now()",
        [(user_id, each.kind, each.email) for each in sorted(said, key=lambda each: each.kind)],
    )


async def page_of_messages(connection: Connection, user_id: UUID, before: UUID | None, limit: int) -> list[Message]:
    """So many of a person's messages older than this one, newest first; those that are not to be sent apart."""
    rows = await connection.fetch(
        "SELECT id, type, channel, subject, order_id, status, created_at, sent_at FROM messages"
        " WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) AND status <> 'dropped' ORDER BY id DESC LIMIT $3",
        user_id,
        before,
        limit,
    )
    return [_message(row) for row in rows]


def _due(row: Record) -> DueMessage:
    order = OrderSummary(json.loads(row["items"]), row["total_amount"], row["currency"]) if row["items"] else None
    return DueMessage(
        id=row["id"],
        type=row["type"],
        subject=row["subject"],
        order_id=row["order_id"],
        data=json.loads(row["data"]),
        order=order,
        mail_request_id=row["mail_request_id"],
        attempt=row["attempts"],
        email=row["email"],
        name=row["name"],
    )


def _message(row: Record) -> Message:
    return Message(
        id=row["id"],
        type=row["type"],
        channel=row["channel"],
        subject=row["subject"],
        order_id=row["order_id"],
        status=Status(row["status"]),
        created_at=row["created_at"],
        sent_at=row["sent_at"],
    )
