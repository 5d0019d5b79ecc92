"""The outbox in PostgreSQL: an event is stored in the transaction that makes it true, and published afterwards.

So there is no event without its change, and no change without its event, whatever dies in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.message import Message

from services.chassis import clock, events, ids, trace_context
from services.chassis.crash_points import reach
from services.chassis.postgres import Connection, affected

KEEP = timedelta(days=1)
"""How long a published event is kept, to look at."""
MAX_BYTES = 900_000
"""The most an event may hold: under the broker's megabyte, with room for headers. A larger one could never leave."""


async def publish(connection: Connection, event: Message, key: str, subject: str, sequence: int | None = None) -> UUID:
    """Store an event in the caller's transaction; it is published soon after the commit. Answers its id.

    Events with the same key are published in the order in which they were stored, as long as their transactions take
    turns: change the aggregate's row (or lock it) before publishing under its key.

    Args:
        event: a message with the option `argosy.policy.v1.event`, which says its type and topic.
        key: what it is ordered by: its Kafka key, such as the order's id.
        subject: what it is about (ce_subject), such as the payment's id.
        sequence: the aggregate's version, where it has one (ce_sequence).

    Raises:
        RuntimeError: outside a transaction.
        ValueError: the message is no event, or is too large ever to be published.
    """
    if not connection.is_in_transaction():
        raise RuntimeError("an event is published in the transaction of what happened")
    kind = events.kind_of(event)
    value = event.SerializeToString(deterministic=True)
    if len(value) > MAX_BYTES:
        raise ValueError(f"{kind.type} of {len(value)} bytes: an event holds at most {MAX_BYTES}")
    event_id = ids.new_id()
    await connection.execute(
        """
        INSERT INTO outbox (id, topic, key, type, subject, sequence, traceparent, occurred_at, value)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        event_id,
        kind.topic,
        key,
        kind.type,
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
    """Delete at most `limit` events that were published before an instant; answers how many."""
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
