"""Time, as every service keeps it: UTC, to the millisecond.

The millisecond is what BSON keeps; so one instant reads the same from PostgreSQL, from MongoDB and from an event.
"""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The present instant: aware, in UTC, without anything below the millisecond."""
    return to_millisecond(datetime.now(UTC))


def to_millisecond(instant: datetime) -> datetime:
    """The instant in UTC, cut to the millisecond. Raises ValueError for a naive datetime: it names no instant."""
    if instant.tzinfo is None:
        raise ValueError("a datetime needs its time zone")
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def from_milliseconds(since_epoch: int) -> datetime:
    """The instant so many milliseconds after 1970, as Kafka stamps its records."""
    return datetime.fromtimestamp(since_epoch // 1000, UTC).replace(microsecond=since_epoch % 1000 * 1000)


def to_text(instant: datetime) -> str:
    """RFC 3339 in UTC, such as `2026-03-01T09:30:00.125Z`."""
    return to_millisecond(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_message(instant: datetime) -> Timestamp:
    """The instant as protobuf has it: `Timestamp.FromDatetime`, which costs four times as much, and lists have many."""
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def from_message(message: Timestamp) -> datetime:
    """The instant in a protobuf timestamp, in UTC."""
    return message.ToDatetime(tzinfo=UTC)


def from_text(text: str) -> datetime:
    """The instant that an RFC 3339 text names. Raises ValueError when it names none."""
    return to_millisecond(datetime.fromisoformat(text))
