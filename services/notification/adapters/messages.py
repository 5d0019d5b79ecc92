"""Messages in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.chassis.data.postgres import Connection, Record, affected
from services.chassis.plain import ids
from services.chassis.plain.money import Money
from services.notification.adapters.recipients import READER_GONE
from services.notification.domain.messages import (
    DueMessage,
    Message,
    NewMessage,
    OrderLine,
    OrderMail,
    OrderSummary,
    ParkedMessage,
    Status,
)

EMAIL = "email"
_NEVER_ADDRESSED = "its reader has no address"


class PostgresMessages:
    """Messages on one connection (ports.Messages)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, message: NewMessage) -> bool:
        """Store a message, once per event and channel. True if it was stored now and is dropped at once.

        It is dropped if its reader does not want its kind, or was deleted. Waits for a concurrent transaction that
        deletes the reader.
        """
        status: str | None = await self._connection.fetchval(
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

    async def take_due(self, limit: int, lease: timedelta) -> list[DueMessage]:
        """Lease up to `limit` due messages with a known address to this sender, until the lease ends."""
        rows = await self._connection.fetch(
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

    async def mark_sent(self, message_id: UUID) -> None:
        """Record that a message was sent."""
        await self._connection.execute(
            "UPDATE messages SET status = 'sent', sent_at = now(), error = NULL WHERE id = $1 AND status = 'pending'",
            message_id,
        )

    async def drop(self, message_id: UUID, reason: str) -> None:
        """Record that a message will not be sent, and why."""
        await self._connection.execute(
            "UPDATE messages SET status = 'dropped', error = $2 WHERE id = $1 AND status = 'pending'",
            message_id,
            reason,
        )

    async def hand_back(self, message_id: UUID, pause: timedelta) -> None:
        """Return a leased message; it is due again after the pause. This was no attempt."""
        await self._connection.execute(
            "UPDATE messages SET attempts = attempts - 1, next_attempt_at = now() + $2"
            " WHERE id = $1 AND status = 'pending' AND attempts > 0",
            message_id,
            pause,
        )

    async def put_off(self, message_id: UUID, pause: timedelta | None, error: str) -> None:
        """Record a failed attempt. The message is due again after `pause`; without one it is parked."""
        await self._connection.execute(
            "UPDATE messages SET error = $2, next_attempt_at = now() + coalesce($3, interval '0'),"
            " status = CASE WHEN $3::interval IS NULL THEN 'parked' ELSE status END"
            " WHERE id = $1 AND status = 'pending'",
            message_id,
            error,
            pause,
        )

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> list[Message]:
        """Up to `limit` of a user's messages older than `before`, newest first, without dropped ones."""
        rows = await self._connection.fetch(
            "SELECT id, type, channel, subject, order_id, status, created_at, sent_at FROM messages"
            " WHERE user_id = $1 AND id < $2 AND status <> 'dropped' ORDER BY id DESC LIMIT $3",
            user_id,
            before or ids.MAX,
            limit,
        )
        return [_message(row) for row in rows]

    async def oldest_parked(self, after: UUID, limit: int) -> list[ParkedMessage]:
        """Up to `limit` parked messages with a larger id, oldest first."""
        rows = await self._connection.fetch(
            "SELECT id, user_id, type, order_id, attempts, error, created_at FROM messages"
            " WHERE status = 'parked' AND id > $1 ORDER BY id LIMIT $2",
            after,
            limit,
        )
        return [_parked(row) for row in rows]

    async def retry_parked(self, ids: Sequence[UUID] | None) -> list[UUID]:
        """Schedule these parked messages again, or all, from the first attempt on. Returns those that were parked."""
        rows = await self._connection.fetch(
            "UPDATE messages SET status = 'pending', attempts = 0, next_attempt_at = now()"
            " WHERE status = 'parked' AND ($1::uuid[] IS NULL OR id = ANY ($1)) RETURNING id",
            ids,
        )
        return sorted(row["id"] for row in rows)

    async def counts(self) -> dict[str, int]:
        """Number of `pending` and `parked` messages."""
        row = await self._connection.fetchrow(
            "SELECT (SELECT count(*) FROM messages WHERE status = 'pending') AS pending,"
            " (SELECT count(*) FROM messages WHERE status = 'parked') AS parked"
        )
        return dict(row)

    async def of_orders(self, order_ids: Sequence[UUID]) -> list[OrderMail]:
        """See ports.Messages.of_orders."""
        rows = await self._connection.fetch(
            "SELECT m.order_id, m.type, m.status, m.created_at, m.sent_at, r.email IS NOT NULL AS is_addressed"
            " FROM messages m LEFT JOIN recipients r USING (user_id) WHERE m.order_id = ANY ($1)",
            list(order_ids),
        )
        return [OrderMail(**{**row, "status": Status(row["status"])}) for row in rows]

    async def make_due(self, order_id: UUID, before: datetime) -> None:
        """See ports.Messages.make_due."""
        await self._connection.execute(
            "UPDATE messages SET next_attempt_at = now()"
            " WHERE order_id = $1 AND status = 'pending' AND created_at < $2 AND next_attempt_at > now()",
            order_id,
            before,
        )


async def drop_unaddressed(connection: Connection, before: datetime, limit: int) -> list[str]:
    """Drop up to `limit` messages that have waited for an address since before an instant. Returns their types.

    This includes messages whose reader was deleted at the moment they were stored.
    """
    rows = await connection.fetch(
        """
        UPDATE messages SET status = 'dropped', error = $3, data = '{}' WHERE status = 'pending' AND id IN (
            SELECT m.id FROM messages m LEFT JOIN recipients r USING (user_id)
            WHERE m.status = 'pending' AND m.next_attempt_at < $1 AND r.email IS NULL LIMIT $2
        ) RETURNING type
        """,
        before,
        limit,
        _NEVER_ADDRESSED,
    )
    return [row["type"] for row in rows]


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages from before an instant, except waiting ones. Returns their number."""
    tag: str = await connection.execute(
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages"
        " WHERE status <> 'pending' AND created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )
    return affected(tag)


def _due(row: Record) -> DueMessage:
    return DueMessage(
        id=row["id"],
        type=row["type"],
        subject=row["subject"],
        order_id=row["order_id"],
        data=json.loads(row["data"]),
        order=_order(json.loads(row["items"]), row["total_amount"], row["currency"]) if row["items"] else None,
        mail_request_id=row["mail_request_id"],
        attempt=row["attempts"],
        email=row["email"],
        name=row["name"],
    )


def _order(items: Sequence[Mapping[str, Any]], total: str, currency: str) -> OrderSummary:
    lines = [
        OrderLine(item["productId"], item["quantity"], Money.kept(Decimal(item["price"]), currency)) for item in items
    ]
    return OrderSummary(lines, Money.kept(Decimal(total), currency))


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


def _parked(row: Record) -> ParkedMessage:
    return ParkedMessage(
        row["id"], row["user_id"], row["type"], row["order_id"], row["attempts"], row["error"] or "", row["created_at"]
    )
