"""Dead letters as they lie on the `.dlq` topics: which there are, which are still open, and sending one again.

Kafka takes nothing back, so that a letter was sent again is a record of its own beside it (`dlq_redriven`). The event
goes first, then that record: when the process dies in between, the letter stays open and may be sent once more, which
its consumers, who know events by their ids, take once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from cli.topics import administering, records
from services.chassis import clock, dead_letters, events
from services.chassis.brokers import Brokers
from services.chassis.crash_points import reach
from services.chassis.events import Headers, OutgoingRecord
from services.chassis.producer import Sender

REDRIVEN = "dlq_redriven"
"""Where the letter lies that was sent again: `<partition>/<offset>` of the same topic."""
_ABOUT_THE_LETTER = "dlq_"


@dataclass(frozen=True)
class Letter:
    """One dead letter."""

    record: Any
    """As it was read."""
    redriven: bool

    @property
    def place(self) -> str:
        """Where it lies, which names it: `order-events.dlq/2/17`."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"

    @property
    def event_id(self) -> str:
        """The event's id; "" when it has none."""
        return self.header("ce_id")

    @property
    def left_out(self) -> str:
        """What of its message it lacks, for it was too large: it cannot be sent again. "" when it is whole."""
        return self.header(dead_letters.LEFT_OUT)

    @property
    def original(self) -> str:
        """Where the message was read: `order-events/2/17`."""
        return "/".join(self.header(name) for name in ("dlq_topic", "dlq_partition", "dlq_offset"))

    @property
    def dead_since(self) -> datetime:
        """When its consumer gave it up."""
        return clock.from_milliseconds(self.record.timestamp)

    def header(self, name: str) -> str:
        """A header's text; "" when there is none."""
        return events.header(self.record.headers, name) or ""

    def row(self) -> dict[str, Any]:
        """What a list shows of it."""
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
    """Which letters are meant; None is any."""

    names: tuple[str, ...] = ()
    """Places or events' ids."""
    topic: str | None = None
    type: str | None = None
    group: str | None = None
    reason: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    redriven_too: bool = False

    @property
    def anything(self) -> bool:
        """Whether nothing at all was said about which."""
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
    """The letters that are wanted, oldest first within each topic. Raises NoSystem when Kafka is away."""
    found = [record async for record in records(brokers, await _topics(brokers), from_beginning=True, follow=False)]
    redriven = {(record.topic, said) for record in found if (said := _redriven_by(record)) is not None}
    letters = [
        Letter(record, (record.topic, f"{record.partition}/{record.offset}") in redriven)
        for record in found
        if _redriven_by(record) is None
    ]
    return sorted(filter(wanted, letters), key=lambda letter: (letter.record.topic, letter.dead_since, letter.place))


async def redrive(letter: Letter, sender: Sender, operator: str) -> None:
    """Send a letter that is whole again where it came from, with its id and key, then note it beside the letter.

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
