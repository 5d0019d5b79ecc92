"""`argosy dlq`: letters of a real consumer on a real broker, looked at and sent again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping

import pytest

from services.chassis.bus.consumer import Consumer
from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.producer import Producer
from services.chassis.plain import clock
from tests.support.argosy import argosy
from tests.support.moody import Moody, publish

TOPIC = "user-events"
LARGEST = 1 << 20
"""Bytes that a record may have."""


@pytest.fixture
def group() -> str:
    return f"dlq-{uuid.uuid4().hex}"


@pytest.fixture
async def moody(kafka_bootstrap: str, producer: Producer, group: str) -> AsyncIterator[Moody]:
    handler = Moody()
    since = clock.now()  # what other tests have put on the topic, nonsense among it, is not this group's business
    consumer = Consumer(
        kafka_bootstrap, group, {"USER_DELETED": handler}, producer, since=since, tries=2, first_pause=0.01
    )
    running = asyncio.create_task(consumer.run())
    yield handler
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _letters(group: str, bus: Mapping[str, str], count: int, *more: str) -> list[dict[str, object]]:
    """The letters of the group, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            rows = (await argosy("dlq", "list", "--group", group, *more, "--json", environment=bus)).rows
            if len(rows) == count:
                return rows


async def test_letters_are_listed_shown_and_sent_again_once(
    bus: Mapping[str, str], producer: Producer, moody: Moody, group: str
) -> None:
    bad, good = str(uuid.uuid4()), str(uuid.uuid4())
    moody.cannot = {bad}
    await publish(producer, bad, good)
    (letter,) = await _letters(group, bus, 1)
    assert (letter["type"], letter["key"], letter["reason"], letter["attempts"]) == ("USER_DELETED", bad, "failed", 2)
    assert letter["error"] == "ValueError: a fault of ours"

    (shown,) = (await argosy("dlq", "show", str(letter["letter"]), environment=bus)).rows
    assert shown["event"]["data"] == {"userId": bad}
    assert shown["event"]["id"] == letter["id"]

    choice = ("dlq", "redrive", "--group", group, "--json")
    (would,) = (await argosy(*choice, "--dry-run", environment=bus)).rows
    assert (would["letter"], would["sent"]) == (letter["letter"], False)
    assert len(await _letters(group, bus, 1)) == 1

    moody.cannot.clear()
    sent = await argosy(*choice, environment=bus)
    assert [row["sent"] for row in sent.rows] == [True]
    assert '"event":"dead_letter_redriven"' in sent.err
    assert str(letter["letter"]) in sent.err
    await moody.has_handled(bad, good)
    again = next(event for event in moody.handled if event.key == bad)
    assert str(again.id) == letter["id"]

    assert (await argosy(*choice, environment=bus)).rows == []
    await _letters(group, bus, 0)
    (noted,) = await _letters(group, bus, 1, "--all")
    assert (noted["letter"], noted["redriven"]) == (letter["letter"], True)


async def test_what_still_cannot_be_handled_comes_back_as_a_new_letter(
    bus: Mapping[str, str], producer: Producer, moody: Moody, group: str
) -> None:
    bad = str(uuid.uuid4())
    moody.cannot = {bad}
    await publish(producer, bad)
    (first,) = await _letters(group, bus, 1)
    assert (await argosy("dlq", "redrive", str(first["letter"]), "--json", environment=bus)).code == 0
    both = await _letters(group, bus, 2, "--all")
    assert [letter["redriven"] for letter in both] == [True, False]
    assert both[0]["id"] == both[1]["id"]


async def test_letters_are_chosen_by_the_options(
    bus: Mapping[str, str], producer: Producer, moody: Moody, group: str
) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    moody.cannot = {first, second}
    await publish(producer, first)
    await producer.send(OutgoingRecord(TOPIC, second.encode(), b"\xff", (("ce_type", b"USER_DELETED"),)))
    await _letters(group, bus, 2)
    (unreadable,) = await _letters(group, bus, 1, "--reason", "unreadable")
    assert unreadable["key"] == second
    await _letters(group, bus, 0, "--type", "ORDER_CREATED")
    await _letters(group, bus, 0, "--before", "2020-01-01")
    await _letters(group, bus, 2, "--since", "2020-01-01", "--topic", TOPIC)


async def test_a_letter_that_was_too_large_lists_what_it_lacks_and_stays(
    bus: Mapping[str, str], producer: Producer, moody: Moody, group: str
) -> None:
    large = str(uuid.uuid4())
    headers = (("ce_type", b"USER_DELETED"), ("agent", None))
    await producer.send(OutgoingRecord(TOPIC, large.encode(), b"\xff" * (LARGEST - 200), headers))
    (letter,) = await _letters(group, bus, 1)
    assert (letter["key"], letter["left_out"]) == (large, "value")
    assert str(letter["original"]).startswith(f"{TOPIC}/")
    (row,) = (await argosy("dlq", "redrive", str(letter["letter"]), "--json", environment=bus)).rows
    assert row["sent"] is False
    printed = await argosy("dlq", "redrive", str(letter["letter"]), environment=bus)
    assert "0 were sent again; 1 lack their value and stay." in printed.out
    await _letters(group, bus, 1)


async def test_redriving_wants_to_know_which(bus: Mapping[str, str]) -> None:
    answer = await argosy("dlq", "redrive", environment=bus)
    assert (answer.code, answer.out) == (1, "")
    assert "choose the letters" in answer.err


async def test_a_letter_that_does_not_exist_is_reported(bus: Mapping[str, str]) -> None:
    answer = await argosy("dlq", "show", "user-events.dlq/0/999999", environment=bus)
    assert (answer.code, answer.out) == (1, "")
    assert "there is no letter user-events.dlq/0/999999" in answer.err
