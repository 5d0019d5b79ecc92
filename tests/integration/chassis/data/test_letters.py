"""A consumer group's dead letters: listed, and handled again by its own handler."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from services.chassis.bus.consumer import Consumer
from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.letters import Letter, LetterBox
from services.chassis.bus.producer import Producer
from services.chassis.plain import clock
from services.chassis.plain.errors import DeadLetterNotHandled, NotFound, Unavailable
from tests.support.argosy import argosy
from tests.support.moody import Moody, publish
from tests.support.shop import until

TOPIC = "user-events"


@pytest.fixture
def group() -> str:
    return f"letters-{uuid.uuid4().hex}"


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
async def box(kafka_bootstrap: str, producer: Producer, group: str, moody: Moody) -> AsyncIterator[LetterBox]:
    handlers = {"USER_DELETED": moody}
    consumer = Consumer(kafka_bootstrap, group, handlers, producer, since=clock.now(), tries=2, first_pause=0.01)
    running = asyncio.create_task(consumer.run())
    yield consumer.letters
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def dead(box: LetterBox, count: int) -> list[Letter]:
    """The open letters, once there are so many."""
    return await until(box.open, lambda letters: len(letters) == count, f"{count} letters")


async def test_a_letter_is_handled_again_once_the_cause_is_mended(
    box: LetterBox, moody: Moody, producer: Producer, group: str, kafka_bootstrap: str
) -> None:
    bad, good = str(uuid.uuid4()), str(uuid.uuid4())
    moody.cannot = {bad}
    await publish(producer, bad, good)
    (letter,) = await dead(box, 1)
    assert (letter.type, letter.header("ce_subject"), letter.group, letter.attempts) == ("USER_DELETED", bad, group, 2)
    assert letter.is_redrivable

    with pytest.raises(DeadLetterNotHandled, match="it failed again: ValueError: a fault of ours"):
        await box.redrive(letter.id, "clerk")
    assert [one.id for one in await box.open()] == [letter.id]

    moody.cannot.clear()
    await box.redrive(letter.id, "clerk")
    again = next(event for event in moody.handled if event.key == bad)
    assert (str(again.id), again.topic) == (letter.event_id, TOPIC)
    assert await box.open() == []
    with pytest.raises(NotFound):
        await box.redrive(letter.id, "clerk")
    listed = ("dlq", "list", "--group", group, "--all", "--json")
    (row,) = (await argosy(*listed, environment={"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap})).rows
    assert (row["letter"], row["redriven"]) == (letter.place, True)


async def test_what_is_no_event_is_listed_and_stays(box: LetterBox, moody: Moody, producer: Producer) -> None:
    headers = (("ce_type", b"USER_DELETED"),)
    await producer.send(OutgoingRecord(TOPIC, b"nobody", b"nonsense", headers))
    await publish(producer, good := str(uuid.uuid4()))
    await moody.has_handled(good)
    (letter,) = await dead(box, 1)
    assert (letter.header("dlq_reason"), letter.is_redrivable) == ("unreadable", False)
    with pytest.raises(DeadLetterNotHandled):
        await box.redrive(letter.id, "clerk")
    assert [one.id for one in await box.open()] == [letter.id]


async def test_letters_of_other_groups_are_not_there(
    box: LetterBox, moody: Moody, producer: Producer, kafka_bootstrap: str
) -> None:
    moody.cannot = {bad := str(uuid.uuid4())}
    await publish(producer, bad)
    (letter,) = await dead(box, 1)
    others = Consumer(kafka_bootstrap, "others", {"USER_DELETED": moody}, producer, since=clock.now()).letters
    assert letter.id not in [one.id for one in await others.open()]
    with pytest.raises(NotFound):
        await others.redrive(letter.id, "clerk")


async def test_without_kafka_it_is_unavailable(producer: Producer, moody: Moody) -> None:
    away = Consumer("127.0.0.1:1", "away", {"USER_DELETED": moody}, producer, since=clock.now())
    with pytest.raises(Unavailable):
        await away.letters.open()
