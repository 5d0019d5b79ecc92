"""Dead letters: messages that cannot be handled. An operator can inspect them and send them again.

A dead letter goes to `<topic>.dlq` with the original key, value and headers, and with `dlq_…` headers that state the
reason and the original's place. If it would be too large, its value is left out, or key, value and headers; the header
`dlq_left_out` lists what is missing. If too many messages fail, the cause is probably the consumer: it stops instead of
moving the whole topic to the dead letters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.chassis.bus.events import Headers, OutgoingRecord
from services.chassis.plain import clock, logs

SUFFIX = ".dlq"
LEFT_OUT = "dlq_left_out"
"""Header: what was left out because the dead letter was too large. Absent if it is complete."""
WINDOW = 1_000
MOST_IN_WINDOW = 10
"""One per cent of the window."""
MOST_IN_A_ROW = 10


class Reason(StrEnum):
    """Why a message is a dead letter."""

    UNREADABLE = "unreadable"
    """It is not an event of the contract, or cannot be decoded."""
    FAILED = "failed"
    """Its handler failed at every attempt."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why and how a message failed."""

    reason: Reason
    error: Exception
    attempts: int
    group: str
    """The consumer group that could not handle it. Other groups may have handled it."""


class TooManyDeadLetters(Exception):
    """So many messages fail that the consumer is probably at fault. The current message is not moved."""


class Allowance:
    """Limits dead letters: fewer than ten in a row, and at most one per cent of the last 1,000 messages."""

    def __init__(
        self, *, window: int = WINDOW, most_in_window: int = MOST_IN_WINDOW, most_in_a_row: int = MOST_IN_A_ROW
    ) -> None:
        self._most_in_window = most_in_window
        self._most_in_a_row = most_in_a_row
        self._in_a_row = 0
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._dead_in_window = 0

    def handled(self) -> None:
        """Record a handled message."""
        self._in_a_row = 0
        self._note(dead=False)

    def take(self) -> None:
        """Record a dead letter, before it is sent.

        Raises:
            TooManyDeadLetters: it would be the tenth in a row, or exceed one per cent.
        """
        if self._in_a_row + 1 >= self._most_in_a_row:
            raise TooManyDeadLetters(f"{self._in_a_row + 1} messages in a row could not be handled")
        leaving = len(self._outcomes) == self._outcomes.maxlen and self._outcomes[0]
        if self._dead_in_window - leaving + 1 > self._most_in_window:
            raise TooManyDeadLetters(
                f"{self._dead_in_window + 1} of the last {self._outcomes.maxlen} messages could not be handled"
            )
        self._in_a_row += 1
        self._note(dead=True)

    def _note(self, *, dead: bool) -> None:
        if len(self._outcomes) == self._outcomes.maxlen:
            self._dead_in_window -= self._outcomes[0]
        self._outcomes.append(dead)
        self._dead_in_window += dead


def topic_of(topic: str) -> str:
    """The topic of a topic's dead letters."""
    return topic + SUFFIX


def letter(incoming: Any, failure: Failure) -> OutgoingRecord:
    """The complete dead letter of a consumed record (`raw_batches.Record`)."""
    about = _about(incoming, failure)
    kept = tuple((name, value) for name, value in incoming.headers if name not in about and name != LEFT_OUT)
    # Kafka's clients do not send a record without key and value.
    value = b"" if incoming.key is None and incoming.value is None else incoming.value
    return OutgoingRecord(topic_of(incoming.topic), incoming.key, value, (*kept, *_encoded(about)))


def smaller_letters(incoming: Any, failure: Failure) -> tuple[OutgoingRecord, OutgoingRecord]:
    """The dead letter without its value; and with nothing but the record's place and the reason."""
    whole = letter(incoming, failure)
    bare = _encoded(_about(incoming, failure) | {LEFT_OUT: "key, value, headers"})
    return (
        replace(whole, value=b"", headers=(*whole.headers, (LEFT_OUT, b"value"))),
        OutgoingRecord(whole.topic, None, b"", bare),
    )


def _about(incoming: Any, failure: Failure) -> dict[str, str]:
    return {
        "dlq_reason": failure.reason.value,
        "dlq_error": logs.error_text(failure.error),
        "dlq_attempts": str(failure.attempts),
        "dlq_group": failure.group,
        "dlq_time": clock.to_text(clock.now()),
        "dlq_topic": incoming.topic,
        "dlq_partition": str(incoming.partition),
        "dlq_offset": str(incoming.offset),
    }


def _encoded(about: Mapping[str, str]) -> Headers:
    return tuple((name, text.encode(errors="replace")) for name, text in about.items())
