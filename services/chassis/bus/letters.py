"""Reads dead letters, and has the consumer group that could not handle one handle it again.

Kafka cannot delete one message. So a redrive is recorded as another record on the same topic (`dlq_redriven`). If the
process dies before that record, the letter stays open and may be handled again; the handler drops an event that it has
applied, by its id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.chassis import tracing
from services.chassis.bus import dead_letters, events, reading
from services.chassis.bus.dead_letters import Reason
from services.chassis.bus.events import Event, Headers, NotAnEvent, OutgoingRecord, Registry, UnknownType
from services.chassis.bus.handling import Handler
from services.chassis.bus.producer import NotDelivered, Sender
from services.chassis.bus.raw_batches import Record, Undecodable
from services.chassis.plain import clock, logs
from services.chassis.plain.crash_points import reach
from services.chassis.plain.errors import DeadLetterNotHandled, NotFound, Unavailable
from services.chassis.plain.transient import is_transient
from services.chassis.process.brokers import Brokers

REDRIVEN = "dlq_redriven"
"""Header: the place of the redriven letter, `<partition>/<offset>` on the same topic."""
MOST_READ = 1_000
"""The newest records of each partition that a list looks at."""
_ABOUT_THE_LETTER = "dlq_"
_REQUEST_MS = 5_000

_log = structlog.get_logger()


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
    def id(self) -> str:
        """The same for paths of REST: `order-events.2.17`."""
        return f"{self.record.topic.removesuffix(dead_letters.SUFFIX)}.{self.record.partition}.{self.record.offset}"

    @property
    def event_id(self) -> str:
        """The event's id; "" when it has none."""
        return self.header("ce_id")

    @property
    def type(self) -> str | None:
        """The event's type."""
        return events.type_of(self.record.headers)

    @property
    def group(self) -> str:
        """The consumer group that could not handle it."""
        return self.header("dlq_group")

    @property
    def attempts(self) -> int | None:
        """How often the group tried; None: the letter does not say it."""
        text = self.header("dlq_attempts")
        return int(text) if text.isdecimal() else None

    @property
    def left_out(self) -> str:
        """Names the part of the message that was too large to keep: it cannot be redriven. "" if complete."""
        return self.header(dead_letters.LEFT_OUT)

    @property
    def is_redrivable(self) -> bool:
        """Whether its group can handle it again: it is complete, and an event."""
        return not self.left_out and self.header("dlq_reason") == Reason.FAILED

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

    def message(self) -> OutgoingRecord:
        """The original message, for its topic."""
        headers: Headers = tuple(
            (name, value) for name, value in self.record.headers if not name.startswith(_ABOUT_THE_LETTER)
        )
        topic = self.record.topic.removesuffix(dead_letters.SUFFIX)
        return OutgoingRecord(topic, self.record.key, self.record.value, headers)

    def note(self, operator: str) -> OutgoingRecord:
        """The record which says that it was redriven."""
        about = {
            REDRIVEN: f"{self.record.partition}/{self.record.offset}",
            "dlq_operator": operator,
            "ce_id": self.event_id,
        }
        headers = tuple((name, text.encode()) for name, text in about.items())
        return OutgoingRecord(self.record.topic, self.record.key, None, headers)


def letters_among(records: Iterable[Any]) -> list[Letter]:
    """The dead letters among records of their topics, oldest first within each topic."""
    found = list(records)
    redriven = {(record.topic, place) for record in found if (place := _redriven_by(record)) is not None}
    letters = [
        Letter(record, (record.topic, f"{record.partition}/{record.offset}") in redriven)
        for record in found
        if _redriven_by(record) is None
    ]
    return sorted(letters, key=lambda letter: (letter.record.topic, letter.dead_since, letter.place))


def _redriven_by(record: Any) -> str | None:
    return events.header(record.headers, REDRIVEN)


class LetterBox:
    """The dead letters of one consumer group.

    Args:
        brokers: Kafka's.
        group: the consumer group.
        handlers: event type → handler, of the group's consumer.
        registry: the contract's events.
        producer: notes redrives.
    """

    def __init__(
        self, brokers: Brokers, group: str, handlers: Mapping[str, Handler], registry: Registry, producer: Sender
    ) -> None:
        self._brokers = brokers
        self._group = group
        self._handlers = handlers
        self._registry = registry
        self._producer = producer
        self._topics = sorted({dead_letters.topic_of(registry.topics[event_type]) for event_type in handlers})

    async def open(self) -> list[Letter]:
        """The group's letters that were not redriven, oldest first, among the newest records of each partition.

        Raises Unavailable while Kafka is unavailable.
        """
        async with self._reading() as (consumer, places):
            records = [record async for record in _newest(consumer, places)]
        letters = [one for one in letters_among(records) if one.group == self._group and not one.redriven]
        return sorted(letters, key=lambda letter: (letter.dead_since, letter.place))

    async def redrive(self, letter_id: str, operator: str) -> None:
        """Have the group's handler apply the event of an open letter, then note that on the topic.

        Raises:
            NotFound: there is no such open letter of this group.
            DeadLetterNotHandled: the message is incomplete or no event, or the handler failed again. The letter stays.
            Unavailable: Kafka, or what the handler needs, is unavailable.
        """
        letter = next((one for one in await self.open() if one.id == letter_id), None)
        if letter is None:
            raise NotFound("there is no such dead letter, or it was redriven")
        await self._handle(letter)
        reach("letter", "handled")
        try:
            await self._producer.send(letter.note(operator))
        except NotDelivered as error:
            raise Unavailable from error
        reach("letter", "noted")
        _log.info("dead_letter_redriven", letter=letter.place, event_id=letter.event_id, operator=operator)

    async def _handle(self, letter: Letter) -> None:
        event = self._event_of(letter)
        try:
            with tracing.active().handling(event, self._group) as note:
                await self._handlers[event.type](event)
                note("handled")
        except Exception as error:
            if is_transient(error):
                raise
            _log.warning("dead_letter_fails_again", letter=letter.place, error=logs.error_text(error))
            raise DeadLetterNotHandled(f"it failed again: {logs.error_text(error)}") from error

    def _event_of(self, letter: Letter) -> Event:
        if letter.left_out:
            raise DeadLetterNotHandled("the message was too large to keep")
        at, message = letter.record, letter.message()
        record = Record(
            message.topic, at.partition, at.offset, at.timestamp, message.key, message.value, message.headers
        )
        try:
            event = self._registry.decode(record)
        except (NotAnEvent, UnknownType) as error:
            raise DeadLetterNotHandled("it is no event of the contract") from error
        if event.type not in self._handlers:
            raise DeadLetterNotHandled(f"this service handles no {event.type}")
        return event

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
        """A consumer outside the group, and the partitions of the letters."""
        try:
            consumer = AIOKafkaConsumer(
                **self._brokers.options(),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                request_timeout_ms=_REQUEST_MS,
            )
            reading.learn_partitions(consumer, self._topics)
            try:
                await consumer.start()
                places = reading.partitions_of(consumer, self._topics)
                consumer.assign(places)
                yield consumer, places
            finally:
                await reading.close(consumer)
        except (KafkaError, OSError) as error:
            raise Unavailable from error


async def _newest(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> AsyncIterator[Any]:
    """The newest records of each partition, up to the end that it has now."""
    ends = await consumer.end_offsets(places)
    begins = await consumer.beginning_offsets(places)
    firsts = {place: max(begins[place], ends[place] - MOST_READ) for place in places}
    async for record in reading.records(consumer, firsts, ends):
        if not isinstance(record, Undecodable):
            yield record
