"""Dead letters on the `.dlq` topics (chassis/bus/letters.py): finds them, and sends one to its topic again.

The event is sent first, then the record that it was redriven. If the process dies in between, the letter stays open and
may be sent again; consumers drop the duplicate by its event id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from cli.topics import administering, records
from services.chassis.bus import dead_letters
from services.chassis.bus.letters import Letter, letters_among
from services.chassis.bus.producer import Sender
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.chassis.process.brokers import Brokers


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
            and self.type in (None, letter.type)
            and self.group in (None, letter.group)
            and self.reason in (None, letter.header("dlq_reason"))
            and (self.since is None or letter.dead_since >= self.since)
            and (self.before is None or letter.dead_since < self.before)
            and (self.redriven_too or not letter.redriven)
        )


async def find(brokers: Brokers, wanted: Callable[[Letter], bool]) -> list[Letter]:
    """The letters that `wanted` accepts, oldest first within each topic. Raises NoSystem if Kafka is unreachable."""
    found = [record async for record in records(brokers, await _topics(brokers), from_beginning=True, follow=False)]
    return list(filter(wanted, letters_among(found)))


def row_of(letter: Letter) -> dict[str, Any]:
    """The row for a list."""
    return {
        "letter": letter.place,
        "since": clock.to_text(letter.dead_since),
        "type": letter.type,
        "key": (letter.record.key or b"").decode(errors="replace"),
        "id": letter.event_id,
        "group": letter.group,
        "reason": letter.header("dlq_reason"),
        "attempts": letter.attempts,
        "error": letter.header("dlq_error"),
        "left_out": letter.left_out,
        "original": letter.original,
        "redriven": letter.redriven,
    }


async def redrive(letter: Letter, sender: Sender, operator: str) -> None:
    """Send a complete letter to its original topic with its id and key, then record the redrive.

    Raises NotDelivered.
    """
    reach("redrive.before_send")
    await sender.send(letter.message())
    reach("redrive.sent")
    await sender.send(letter.note(operator))
    reach("redrive.noted")


async def _topics(brokers: Brokers) -> list[str]:
    async with administering(brokers) as admin:
        return await _dead_letter_topics(admin)


async def _dead_letter_topics(admin: AIOKafkaAdminClient) -> list[str]:
    return sorted(topic for topic in await admin.list_topics() if topic.endswith(dead_letters.SUFFIX))
