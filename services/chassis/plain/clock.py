"""Time in UTC with millisecond precision.

BSON stores milliseconds, so an instant is equal in PostgreSQL, in MongoDB and in an event.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current time: timezone-aware, in UTC, truncated to the millisecond."""
    return to_millisecond(datetime.now(UTC))


def to_millisecond(instant: datetime) -> datetime:
    """The instant in UTC, truncated to the millisecond. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("a datetime needs its time zone")
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def from_milliseconds(since_epoch: int) -> datetime:
    """Unix time in milliseconds (the timestamp of a Kafka record) as a datetime."""
    return datetime.fromtimestamp(since_epoch // 1000, UTC).replace(microsecond=since_epoch % 1000 * 1000)


def to_text(instant: datetime) -> str:
    """RFC 3339 in UTC, such as `2026-03-01T09:30:00.125Z`."""
    return to_millisecond(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Parses RFC 3339. Raises ValueError for any other text, and for one without a time zone."""
    return to_millisecond(datetime.fromisoformat(text))
