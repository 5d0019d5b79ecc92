"""The outbox in PostgreSQL: an event is stored in the transaction of its change, and published after the commit.

So a crash never leaves an event without its change, or a change without its event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.message import Message

from services.chassis.bus import events
from services.chassis.data.postgres import Connection, affected
from services.chassis.plain import clock, ids, trace_context
from services.chassis.plain.crash_points import reach

KEEP = timedelta(days=1)
"""How long a published event is kept, for inspection."""
MAX_BYTES = 900_000
"""The maximum size of an event in bytes: below the broker's limit of 1 MB, with room for headers."""


async def publish(connection: Connection, event: Message, key: str, subject: str, sequence: int | None = None) -> UUID:
    """Store an event in the caller's transaction. The relay publishes it after the commit. Returns its id.

    Events with the same key are published in the order in which they were stored, if their transactions are serialized:
    change the aggregate's row (or lock it) before publishing under its key.

    Args:
        event: a message with the option `argosy.policy.v1.event`, which defines its type and topic.
        key: the Kafka key, such as the order's id. Events with the same key are in order.
        subject: what the event is about (ce_subject), such as the payment's id.
        sequence: the aggregate's version (ce_sequence), if it has one.

    Raises:
        RuntimeError: outside a transaction.
        ValueError: the message is not an event, or is larger than MAX_BYTES.
    """
    if not connection.is_in_transaction():
        raise RuntimeError("an event must be published in the transaction of its change")
    kind = events.kind_of(event)
    value = event.SerializeToString(deterministic=True)
    if len(value) > MAX_BYTES:
        raise ValueError(f"{kind.type} of {len(value)} bytes: an event has at most {MAX_BYTES}")
    event_id = ids.new_id()
    await connection.execute(
        """
        INSERT INTO outbox (id, topic, key, type, data_version, subject, sequence, traceparent, occurred_at, value)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        event_id,
        kind.topic,
        key,
        kind.type,
        kind.version,
        subject,
        sequence,
        trace_context.current(),
        clock.now(),
        value,
    )
    reach("outbox.inserted")
    return event_id


async def publish_again(connection: Connection, event: Message, key: str, subject: str) -> None:
    """Publish an event that whoever had to consume it may not have: the same one, under the same id, while it is kept.

    Args and errors: see `publish`. One that is not kept any more, or was never stored, is published as a new one.
    """
    kept = await connection.execute(
        "UPDATE outbox SET sent_at = NULL WHERE type = $1 AND key = $2 AND subject = $3",
        events.kind_of(event).type,
        key,
        subject,
    )
    if not affected(kept):
        await publish(connection, event, key, subject)


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` events that were published before `before`. Returns the number."""
    tag: str = await connection.execute(
        """
        DELETE FROM outbox WHERE position IN (
            SELECT position FROM outbox WHERE sent_at < $1 ORDER BY sent_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)
