"""Dead letters on the `.dlq` topics: finds them, knows which are open, and redrives one.

A redrive is recorded as another record on the same topic (`dlq_redriven`), because Kafka cannot delete one message.
The event is sent first, then that record. If the process dies in between, the letter stays open and may be sent again;
consumers drop the duplicate by its event id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from cli.topics import administering, records
from services.chassis.bus import dead_letters, events
from services.chassis.bus.events import Headers, OutgoingRecord
from services.chassis.bus.producer import Sender
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.chassis.process.brokers import Brokers

REDRIVEN = "dlq_redriven"
"""Position of the redriven letter: `<partition>/<offset>` on the same topic."""
_ABOUT_THE_LETTER = "dlq_"


@dataclass(frozen=True)
class Letter:
    """One dead letter."""

    record: Any
    """The record as read from Kafka."""
    redriven: bool

    @property
    def place(self) -> str:
        """The position that identifies it: `order-events.dlq/2/17`."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"

    @property
    def event_id(self) -> str:
        """The event's id; "" when it has none."""
        return self.header("ce_id")

    @property
    def left_out(self) -> str:
        """Names the part of the message that was too large to keep: it cannot be redriven. "" if complete."""
        return self.header(dead_letters.LEFT_OUT)

    @property
    def original(self) -> str:
        """The position of the original message: `order-events/2/17`."""
        return "/".join(self.header(name) for name in ("dlq_topic", "dlq_partition", "dlq_offset"))

    @property
    def dead_since(self) -> datetime:
        """When the consumer gave up on the message."""
        return clock.from_milliseconds(self.record.timestamp)

    def header(self, name: str) -> str:
        """The text of a header; "" if it is missing."""
        return events.header(self.record.headers, name) or ""

    def row(self) -> dict[str, Any]:
        """The row for a list."""
        attempts = self.header("dlq_attempts")
        return {
            "letter": self.place,
            "since": clock.to_text(self.dead_since),
            "type": events.type_of(self.record.headers),
            "key": (self.record.key or b"").decode(errors="replace"),
            "id": self.event_id,
            "group": self.header("dlq_group"),
            "reason": self.header("dlq_reason"),
            "attempts": int(attempts) if attempts.isdecimal() else None,
            "error": self.header("dlq_error"),
            "left_out": self.left_out,
            "original": self.original,
            "redriven": self.redriven,
        }


@dataclass(frozen=True)
class Wanted:
    """Selects letters. None matches any."""

    names: tuple[str, ...] = ()
    """Positions or event ids."""
    topic: str | None = None
    type: str | None = None
    group: str | None = None
    reason: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    redriven_too: bool = False

    @property
    def anything(self) -> bool:
        """Whether no criterion is set."""
        return self == Wanted(redriven_too=self.redriven_too)

    def __call__(self, letter: Letter) -> bool:
        return (
            (not self.names or letter.place in self.names or letter.event_id in self.names)
            and self.topic in (None, letter.header("dlq_topic"))
            and self.type in (None, events.type_of(letter.record.headers))
            and self.group in (None, letter.header("dlq_group"))
            and self.reason in (None, letter.header("dlq_reason"))
            and (self.since is None or letter.dead_since >= self.since)
            and (self.before is None or letter.dead_since < self.before)
            and (self.redriven_too or not letter.redriven)
        )


async def find(brokers: Brokers, wanted: Callable[[Letter], bool]) -> list[Letter]:
    """The letters that `wanted` accepts, oldest first within each topic. Raises NoSystem if Kafka is unreachable."""
    found = [record async for record in records(brokers, await _topics(brokers), from_beginning=True, follow=False)]
    redriven = {(record.topic, position) for record in found if (position := _redriven_by(record)) is not None}
    letters = [
        Letter(record, (record.topic, f"{record.partition}/{record.offset}") in redriven)
        for record in found
        if _redriven_by(record) is None
    ]
    return sorted(filter(wanted, letters), key=lambda letter: (letter.record.topic, letter.dead_since, letter.place))


async def redrive(letter: Letter, sender: Sender, operator: str) -> None:
    """Send a complete letter to its original topic with its id and key, then record the redrive.

    Raises NotDelivered.
    """
    record = letter.record
    headers: Headers = tuple((name, value) for name, value in record.headers if not name.startswith(_ABOUT_THE_LETTER))
    topic = record.topic.removesuffix(dead_letters.SUFFIX)
    reach("redrive.before_send")
    await sender.send(OutgoingRecord(topic, record.key, record.value, headers))
    reach("redrive.sent")
    note = {REDRIVEN: f"{record.partition}/{record.offset}", "dlq_operator": operator, "ce_id": letter.event_id}
    await sender.send(
        OutgoingRecord(record.topic, record.key, None, tuple((name, text.encode()) for name, text in note.items()))
    )
    reach("redrive.noted")


def _redriven_by(record: Any) -> str | None:
    return events.header(record.headers, REDRIVEN)


async def _topics(brokers: Brokers) -> list[str]:
    async with administering(brokers) as admin:
        return await _dead_letter_topics(admin)


async def _dead_letter_topics(admin: AIOKafkaAdminClient) -> list[str]:
    return sorted(topic for topic in await admin.list_topics() if topic.endswith(dead_letters.SUFFIX))
