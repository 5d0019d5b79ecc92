"""Dead letters: messages that cannot be handled leave the way, with the reason, for a person to look at and send again.

They go to `<topic>.dlq`, value, key and headers as they were, and these headers besides. A letter that would be too
large goes without its value, or without all three, and says so (`dlq_left_out`): it names where the original is. When
too many fail, it is not the messages: the consumer stops instead, loudly, before it has emptied a topic into its dead
letters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.chassis import clock, logs
from services.chassis.events import Headers, OutgoingRecord

SUFFIX = ".dlq"
LEFT_OUT = "dlq_left_out"
"""Header: what the letter lacks because the whole was too large. Absent from a letter that is whole."""
WINDOW = 1_000
MOST_IN_WINDOW = 10
"""One per cent of the window."""
MOST_IN_A_ROW = 10


class Reason(StrEnum):
    """Why a message is a dead letter."""

    UNREADABLE = "unreadable"
    """It is no event of the contract."""
    FAILED = "failed"
    """Its handler failed every time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of a message."""

    reason: Reason
    error: Exception
    attempts: int
    group: str
    """The consumer group that could not handle it; others may have."""


class TooManyDeadLetters(Exception):
    """So many messages fail that the fault must be here. The message at hand stays where it is."""


class Allowance:
    """How many messages may become dead letters: fewer than ten in a row, at most one per cent of the last 1,000."""

    def __init__(
        self, *, window: int = WINDOW, most_in_window: int = MOST_IN_WINDOW, most_in_a_row: int = MOST_IN_A_ROW
    ) -> None:
        self._most_in_window = most_in_window
        self._most_in_a_row = most_in_a_row
        self._in_a_row = 0
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._dead_in_window = 0

    def handled(self) -> None:
        """A message was handled."""
        self._in_a_row = 0
        self._note(dead=False)

    def take(self) -> None:
        """A message is about to become a dead letter.

        Raises:
            TooManyDeadLetters: it would be the tenth in a row, or more than one per cent.
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
    """Where the dead letters of a topic go."""
    return topic + SUFFIX


def letter(incoming: Any, failure: Failure) -> OutgoingRecord:
    """The dead letter of a record that was read (`raw_batches.Record`), whole."""
    about = _about(incoming, failure)
    kept = tuple((name, value) for name, value in incoming.headers if name not in about and name != LEFT_OUT)
    # Kafka's clients send nothing that has neither key nor value.
    value = b"" if incoming.key is None and incoming.value is None else incoming.value
    return OutgoingRecord(topic_of(incoming.topic), incoming.key, value, (*kept, *_encoded(about)))


def smaller_letters(incoming: Any, failure: Failure) -> tuple[OutgoingRecord, OutgoingRecord]:
    """The same without its value; and with nothing but where the record lies and why it is dead."""
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
