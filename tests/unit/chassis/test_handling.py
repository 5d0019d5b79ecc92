"""What happens to one message, whatever its handler does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY as METRICS

from argosy.event.v1 import order_events_pb2
from services.chassis.bus import events
from services.chassis.bus.dead_letters import TooManyDeadLetters
from services.chassis.bus.events import Event, OutgoingRecord, Registry
from services.chassis.bus.handling import Handling, Interrupted
from services.chassis.bus.producer import NotDelivered, RecordTooLarge
from services.chassis.bus.raw_batches import Damaged, Undecodable
from services.chassis.plain import ids, trace_context
from services.chassis.plain.errors import Unavailable

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRIES = 3


@dataclass(frozen=True)
class Incoming:
    """A record as aiokafka reads it."""

    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    key: bytes | None = b"order-1"
    topic: str = "order-events"
    partition: int = 0
    offset: int = 7


@dataclass
class Letters:
    """Takes dead letters; refuses the first `refusals`, and those that are too large."""

    refusals: int = 0
    largest: int = 1 << 20
    sent: list[OutgoingRecord] = field(default_factory=list)

    async def send(self, record: OutgoingRecord) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NotDelivered
        if (
            len(record.key or b"") + len(record.value or b"") + sum(len(v or b"") for _, v in record.headers)
            > self.largest
        ):
            raise RecordTooLarge
        self.sent.append(record)


@dataclass
class Script:
    """A handler that raises the given errors, then succeeds."""

    outcomes: Iterator[Exception | None]
    seen: list[Event] = field(default_factory=list)
    trace: str | None = None

    async def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self.trace = trace_context.current()
        outcome = next(self.outcomes, None)
        if outcome:
            raise outcome


def created(**changes: Any) -> Incoming:
    record = events.encode(
        order_events_pb2.OrderCreated(order_id="order-1"),
        id=ids.new_id(),
        source="/argosy/order",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        subject="order-1",
        key="order-1",
        traceparent=TRACE,
    )
    return Incoming(**({"headers": record.headers, "value": record.value} | changes))


def handling(handler: Callable[[Event], Awaitable[None]], letters: Letters, group: str = "a-group") -> Handling:
    return Handling(group, {"ORDER_CREATED": handler}, Registry.of_package(), letters, tries=TRIES, first_pause=0.001)


def counted(result: str, group: str = "a-group", event_type: str = "ORDER_CREATED") -> float:
    labels = {"group": group, "topic": "order-events", "type": event_type, "result": result}
    return METRICS.get_sample_value("argosy_consumer_events_total", labels) or 0.0


async def test_a_handler_gets_the_event_in_its_trace() -> None:
    script, letters = Script(iter([])), Letters()
    await handling(script, letters).process(created(), asyncio.Event())
    (event,) = script.seen
    assert event.message == order_events_pb2.OrderCreated(order_id="order-1")
    assert script.trace == TRACE
    assert trace_context.current() is None
    assert not letters.sent


async def test_other_types_are_skipped() -> None:
    script, letters = Script(iter([])), Letters()
    before = counted("skipped", event_type="other")
    record = created(headers=(("ce_type", b"ORDER_TELEPORTED"),))
    await handling(script, letters).process(record, asyncio.Event())
    assert not script.seen
    assert not letters.sent
    assert counted("skipped", event_type="other") == before + 1


async def test_a_message_that_cannot_be_read_is_a_dead_letter_at_once() -> None:
    script, letters = Script(iter([])), Letters()
    await handling(script, letters).process(created(value=b"\xff\xff"), asyncio.Event())
    (letter,) = letters.sent
    headers = dict(letter.headers)
    assert letter.topic == "order-events.dlq"
    assert letter.value == b"\xff\xff"
    assert (headers["dlq_reason"], headers["dlq_attempts"]) == (b"unreadable", b"1")
    assert not script.seen


async def test_a_message_without_a_type_is_a_dead_letter() -> None:
    letters = Letters()
    await handling(Script(iter([])), letters).process(created(headers=()), asyncio.Event())
    assert dict(letters.sent[0].headers)["dlq_error"] == b"NotAnEvent: the header ce_type is missing"


async def test_one_that_fails_a_few_times_is_handled() -> None:
    script, letters = Script(iter([ValueError(), ValueError(), None])), Letters()
    await handling(script, letters).process(created(), asyncio.Event())
    assert len(script.seen) == 3
    assert not letters.sent


async def test_one_that_keeps_failing_is_a_dead_letter() -> None:
    failed, dead = counted("failed"), counted("dead_lettered")
    script, letters = Script(iter([ValueError("no")] * 99)), Letters()
    await handling(script, letters).process(created(), asyncio.Event())
    assert len(script.seen) == TRIES
    headers = dict(letters.sent[0].headers)
    assert (headers["dlq_reason"], headers["dlq_error"], headers["dlq_attempts"]) == (
        b"failed",
        b"ValueError: no",
        b"3",
    )
    assert counted("failed") == failed + TRIES
    assert counted("dead_lettered") == dead + 1


async def test_what_is_away_is_waited_for_however_long() -> None:
    script, letters = Script(iter([Unavailable()] * 8)), Letters()
    await handling(script, letters).process(created(), asyncio.Event())
    assert len(script.seen) == 9
    assert not letters.sent


async def test_waiting_for_what_is_away_counts_for_no_try() -> None:
    away, own = Unavailable(), ValueError()
    script, letters = Script(iter([own, away, away, away, own, None])), Letters()
    await handling(script, letters).process(created(), asyncio.Event())
    assert len(script.seen) == 6
    assert not letters.sent


async def test_a_dead_letter_is_sent_until_it_is_stored() -> None:
    letters = Letters(refusals=4)
    await handling(Script(iter([])), letters).process(created(value=b"\xff"), asyncio.Event())
    assert len(letters.sent) == 1


@pytest.mark.parametrize(
    ("large", "left_out"),
    [({"value": b"\xff" * 2000}, b"value"), ({"key": b"k" * 2000, "value": b"\xff"}, b"key, value, headers")],
)
async def test_a_letter_that_is_too_large_goes_without_what_makes_it_so(
    large: dict[str, bytes], left_out: bytes
) -> None:
    letters = Letters(largest=1500)
    await handling(Script(iter([])), letters).process(created(**large), asyncio.Event())
    (letter,) = letters.sent
    assert dict(letter.headers)["dlq_left_out"] == left_out
    assert letter.value == b""


async def test_a_message_without_anything_is_a_letter_that_can_be_sent() -> None:
    letters = Letters()
    await handling(Script(iter([])), letters).process(created(headers=(), key=None, value=None), asyncio.Event())
    assert (letters.sent[0].key, letters.sent[0].value) == (None, b"")


async def test_a_record_that_cannot_be_decoded_is_a_dead_letter_at_once() -> None:
    script, letters = Script(iter([])), Letters()
    record = Undecodable("order-events", 3, 17, 0, None, None, (), Damaged("offset 17: its checksum is wrong"))
    await handling(script, letters).process(record, asyncio.Event())
    headers = dict(letters.sent[0].headers)
    assert (headers["dlq_reason"], headers["dlq_partition"], headers["dlq_offset"]) == (b"unreadable", b"3", b"17")
    assert headers["dlq_error"] == b"Damaged: offset 17: its checksum is wrong"
    assert not script.seen


async def test_a_strange_header_on_a_good_event_is_no_fault() -> None:
    script, letters = Script(iter([])), Letters()
    good = created()
    strange = (("agent", None), ("trace", b"\xff\x00"), ("", b""))
    await handling(script, letters).process(created(headers=(*strange, *good.headers)), asyncio.Event())
    assert len(script.seen) == 1
    assert not letters.sent


async def test_stops_between_two_tries_with_nothing_settled() -> None:
    letters, stopping = Letters(), asyncio.Event()

    async def fail(_: Event) -> None:
        stopping.set()
        raise ValueError

    with pytest.raises(Interrupted):
        await handling(fail, letters).process(created(), stopping)
    assert not letters.sent


async def test_the_try_that_is_under_way_when_asked_to_stop_counts() -> None:
    stopping = asyncio.Event()

    async def succeed(_: Event) -> None:
        stopping.set()

    await handling(succeed, Letters()).process(created(), stopping)


async def test_too_many_stop_it_instead() -> None:
    letters = Letters()
    consumer = handling(Script(iter([])), letters)
    for _ in range(9):
        await consumer.process(created(value=b"\xff"), asyncio.Event())
    with pytest.raises(TooManyDeadLetters, match=r"10 messages in a row.*; the last one order-events/0/7: NotAnEvent"):
        await consumer.process(created(value=b"\xff"), asyncio.Event())
    assert len(letters.sent) == 9
    consumer.reset_allowance()
    await consumer.process(created(value=b"\xff"), asyncio.Event())
    assert len(letters.sent) == 10


def test_a_handler_for_an_unknown_type_fails_at_start() -> None:
    with pytest.raises(ValueError, match="ORDER_TELEPORTED"):
        Handling("g", {"ORDER_TELEPORTED": Script(iter([]))}, Registry.of_package(), Letters())
