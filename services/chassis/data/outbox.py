"""The outbox in PostgreSQL: an event is stored in the transaction of its change, and published after the commit.

So a crash never leaves an event without its change, or a change without its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.message import Message

from services.chassis.bus import events
from services.chassis.data.postgres import Connection, affected
from services.chassis.plain import clock, ids, trace_context
from services.chassis.plain.crash_points import reach

KEEP = timedelta(days=1)
"""How long a published event is kept, for inspection."""
BATCH = 5_000
"""Events that one statement stores."""
MAX_BYTES = 900_000
"""The maximum size of an event in bytes: below the broker's limit of 1 MB, with room for headers."""


@dataclass(frozen=True)
class Stored:
    """An event to store.

    `event` is a message with the option `argosy.policy.v1.event`, which defines its type and topic. Events with the
    same `key`, such as the order's id, are in order. `subject` is what the event is about (ce_subject), such as the
    payment's id; `sequence` the aggregate's version (ce_sequence), if it has one.
    """

    event: Message
    key: str
    subject: str
    sequence: int | None = None


async def publish(connection: Connection, event: Message, key: str, subject: str, sequence: int | None = None) -> UUID:
    """Store an event in the caller's transaction. The relay publishes it after the commit. Returns its id.

    Events with the same key are published in the order in which they were stored, if their transactions are serialized:
    change the aggregate's row (or lock it) before publishing under its key.

    Args: see `Stored`.

    Raises:
        RuntimeError: outside a transaction.
        ValueError: the message is not an event, or is larger than MAX_BYTES.
    """
    [event_id] = await publish_all(connection, [Stored(event, key, subject, sequence)])
    return event_id


async def publish_all(connection: Connection, stored: Sequence[Stored]) -> list[UUID]:
    """Store many events in their order, as `publish` does, by one statement for each BATCH. Returns their ids."""
    if not connection.is_in_transaction():
        raise RuntimeError("an event must be published in the transaction of its change")
    event_ids: list[UUID] = []
    for start in range(0, len(stored), BATCH):
        event_ids += await _insert(connection, stored[start : start + BATCH])
        reach("outbox.inserted")
    return event_ids


async def _insert(connection: Connection, batch: Sequence[Stored]) -> list[UUID]:
    kinds = [events.kind_of(each.event) for each in batch]
    event_ids = [ids.new_id() for _ in batch]
    await connection.execute(
        """
        INSERT INTO outbox (id, topic, key, type, data_version, subject, sequence, traceparent, occurred_at, value)
        SELECT id, topic, key, type, data_version, subject, sequence, $9, $10, value
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bigint[], $8::bytea[])
            WITH ORDINALITY AS e (id, topic, key, type, data_version, subject, sequence, value, place)
        ORDER BY place
        """,
        event_ids,
        [kind.topic for kind in kinds],
        [each.key for each in batch],
        [kind.type for kind in kinds],
        [kind.version for kind in kinds],
        [each.subject for each in batch],
        [each.sequence for each in batch],
        [_value(each.event, kind) for each, kind in zip(batch, kinds, strict=True)],
        trace_context.current(),
        clock.now(),
    )
    return event_ids


def _value(event: Message, kind: events.Kind) -> bytes:
    value = event.SerializeToString(deterministic=True)
    if len(value) > MAX_BYTES:
        raise ValueError(f"{kind.type} of {len(value)} bytes: an event has at most {MAX_BYTES}")
    return value


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
