"""One bad record costs one record: the good ones around it are handled, once, and nothing stops."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiokafka import codec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record import default_records

from services.chassis.bus.consumer import Consumer
from services.chassis.bus.events import Event, OutgoingRecord
from services.chassis.bus.producer import Producer, RecordTooLarge
from services.chassis.bus.reading import BEGINNING
from services.chassis.bus.tail import Tail
from services.chassis.process.brokers import Brokers
from tests.integration.chassis.data.conftest import create
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.chassis.data.lab_events import Lab, lab_events, on_topic, step
from tests.integration.chassis.data.waiting import running, until
from tests.support.argosy import argosy
from tests.support.raw_records import CODECS, Raw, RawName, batch, produce

LARGEST = (1 << 20) - 200
"""Bytes of a value that just fits into a record."""


class Seen:
    """A handler that counts what it handles."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    async def __call__(self, event: Event) -> None:
        self.numbers.append(step(event)[1])

    def has(self, *numbers: int) -> Any:
        async def all_of_them() -> bool:
            return set(numbers) <= set(self.numbers)

        return all_of_them


class Consuming:
    """A group of one member on a lab's topic."""

    def __init__(self, bootstrap: str, lab: Lab, producer: Producer) -> None:
        self.seen = Seen()
        self.consumer = Consumer(
            bootstrap,
            f"lab-{uuid.uuid4().hex}",
            {lab.happened: self.seen},
            producer,
            lab.registry,
            since=BEGINNING,
            tries=2,
            first_pause=0.01,
        )


@pytest.fixture
def consuming(kafka_bootstrap: str, lab: Lab, producer: Producer) -> Consuming:
    return Consuming(kafka_bootstrap, lab, producer)


def raw(lab: Lab, number: int, *strange: tuple[str, bytes | None]) -> Raw:
    """A good event, with headers of somebody else's before its own."""
    record = lab.record("a", number)
    return Raw(record.key, record.value, (*strange, *record.headers))


async def letters_of(bootstrap: str, lab: Lab) -> list[dict[str, bytes]]:
    return [dict(letter.headers) for letter in await on_topic(bootstrap, f"{lab.topic}.dlq")]


@pytest.mark.parametrize(
    "strange",
    [("agent", None), ("agent", b"\xff\x00\xfe"), (RawName(b"\xff\xfe"), b"x"), (RawName(b"\x80"), None), ("", b"")],
    ids=["null", "not text", "a name that is not text", "both", "empty"],
)
async def test_a_foreign_header_on_a_good_event_costs_nothing(
    strange: tuple[str, bytes | None], lab: Lab, consuming: Consuming, kafka_bootstrap: str
) -> None:
    await produce(kafka_bootstrap, lab.topic, batch([raw(lab, 1), raw(lab, 2, strange), raw(lab, 3)]))
    await produce(kafka_bootstrap, lab.topic, batch([raw(lab, 4)]), partition=1)
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(1, 2, 3, 4))
        await consuming.consumer.check()
    assert sorted(consuming.seen.numbers) == [1, 2, 3, 4]
    assert not await letters_of(kafka_bootstrap, lab)


@pytest.mark.parametrize("name", sorted(CODECS))
async def test_every_codec_is_read(name: str, lab: Lab, consuming: Consuming, kafka_bootstrap: str) -> None:
    padding = ("padding", b"dull " * 1000)
    await produce(kafka_bootstrap, lab.topic, batch([raw(lab, number, padding) for number in range(3)], name))
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(0, 1, 2))
    assert consuming.seen.numbers == [0, 1, 2]


async def test_a_codec_that_is_not_there_costs_the_batch(
    lab: Lab, consuming: Consuming, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    padding = ("padding", b"dull " * 1000)
    await produce(kafka_bootstrap, lab.topic, batch([raw(lab, 1)]))
    await produce(kafka_bootstrap, lab.topic, batch([raw(lab, 2, padding)], "zstd"))
    await produce(kafka_bootstrap, lab.topic, batch([raw(lab, 3, padding)], "gzip"))
    monkeypatch.setattr(codec, "cramjam", None)
    monkeypatch.setattr(default_records.codecs, "has_zstd", lambda: False)
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(1, 3))
    assert consuming.seen.numbers == [1, 3]
    (letter,) = await letters_of(kafka_bootstrap, lab)
    assert (letter["dlq_reason"], letter["dlq_offset"]) == (b"unreadable", b"1")
    assert b"Zstd codec is not available" in letter["dlq_error"]


async def test_a_letter_that_cannot_go_whole_goes_without_its_value(
    lab: Lab, producer: Producer, consuming: Consuming, kafka_bootstrap: str
) -> None:
    type_alone = (("ce_type", lab.happened.encode()),)
    await producer.send(lab.record("a", 1))
    await producer.send(OutgoingRecord(lab.topic, b"a", b"\xff" * LARGEST, type_alone))
    await producer.send(OutgoingRecord(lab.topic, b"\xff" * LARGEST, None, type_alone))
    await producer.send(lab.record("a", 2))
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(1, 2))

        async def both_are_letters() -> bool:
            return len(await letters_of(kafka_bootstrap, lab)) == 2

        await until(both_are_letters)
    letters = await letters_of(kafka_bootstrap, lab)
    assert {letter["dlq_left_out"] for letter in letters} == {b"value", b"key, value, headers"}
    assert {letter["dlq_topic"] for letter in letters} == {lab.topic.encode()}


async def test_a_broker_that_takes_less_than_the_producer_gets_smaller_letters(
    kafka_bootstrap: str, producer: Producer
) -> None:
    lab = lab_events(f"lab-{uuid.uuid4().hex}")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    narrow = NewTopic(f"{lab.topic}.dlq", 1, 1, topic_configs={"max.message.bytes": "2000"})
    await admin.create_topics([NewTopic(lab.topic, 1, 1), narrow])
    await admin.close()
    type_alone = (("ce_type", lab.happened.encode()),)
    for value in (b"\xff" * 5000, b"\xff", b"\xff" * 5000):
        await producer.send(OutgoingRecord(lab.topic, b"a", value, type_alone))
    await producer.send(lab.record("a", 1))
    consuming = Consuming(kafka_bootstrap, lab, producer)
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(1))
    letters = await letters_of(kafka_bootstrap, lab)
    assert [letter.get("dlq_left_out") for letter in letters] == [b"value", None, b"value"]


async def test_a_producer_whose_record_is_too_large_for_the_broker_goes_on(
    lab: Lab, producer: Producer, consuming: Consuming, kafka_bootstrap: str
) -> None:
    with pytest.raises(RecordTooLarge):
        await producer.send(OutgoingRecord(lab.topic, b"a", b"x" * (1 << 21), ()))
    await producer.send(lab.record("a", 1))
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(1))


async def test_a_batch_that_is_damaged_on_the_brokers_disk_costs_itself(broker: Broker, tmp_path: Path) -> None:
    lab = lab_events("lab-damaged")
    await create(broker.address, lab.topic)
    mark = b"here is what will be damaged"
    for records in ([raw(lab, 1)], [raw(lab, 2, ("mark", mark))], [raw(lab, 3)]):
        await produce(broker.address, lab.topic, batch(records))
    damage(tmp_path, mark)

    producer = Producer(broker.address, "lab")
    await producer.start()
    consuming = Consuming(broker.address, lab, producer)
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(1, 3))
        await consuming.consumer.check()
    await producer.stop()
    assert consuming.seen.numbers == [1, 3]
    (letter,) = await letters_of(broker.address, lab)
    assert (letter["dlq_offset"], letter["dlq_reason"]) == (b"1", b"unreadable")
    assert b"its checksum is wrong" in letter["dlq_error"]

    heard: list[int] = []
    looked_up: list[None] = []
    tail = Tail(
        Brokers(broker.address),
        lab.topic,
        lambda record: heard.append(record.offset),
        up_to_date=lambda _: None,
        missed=lambda: looked_up.append(None),
        back_seconds=3600,
    )

    async def the_last_is_heard() -> bool:
        return 2 in heard

    async with running(tail.run):
        await until(the_last_is_heard)
    assert heard == [0, 2]
    assert len(looked_up) == 2  # at its start, and for what it could not read

    bus = {"KAFKA_BOOTSTRAP_SERVERS": broker.address}
    rows = (await argosy("tail", lab.topic, "--no-follow", "--json", environment=bus)).rows
    assert [row["offset"] for row in rows] == [0, 1, 2]
    assert "its checksum is wrong" in rows[1]["unreadable"]


def damage(broker_data: Path, mark: bytes) -> None:
    """Change one byte on the broker's disk."""
    (segment,) = (path for path in broker_data.rglob("*.log") if mark in path.read_bytes())
    with segment.open("r+b") as file:
        file.seek(segment.read_bytes().index(mark))
        file.write(mark[:1].upper())


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_lies_between_good_events_they_are_handled_once(
    seed: int, lab: Lab, producer: Producer, consuming: Consuming, kafka_bootstrap: str
) -> None:
    chance = random.Random(seed)
    good, bad, number = 600, 0, 0
    while number < good:
        records = []
        for _ in range(chance.randint(60, 120)):  # more than 99 good ones to each bad one: below the rule that stops it
            records.append(raw(lab, number, *strange_headers(chance)))
            number += 1
        if bad < 6:
            records.insert(chance.randrange(len(records)), garbage(chance, lab))
            bad += 1
        for data in split(chance, records):
            await produce(kafka_bootstrap, lab.topic, data, partition=chance.randrange(2))
    async with running(consuming.consumer.run):
        await until(consuming.seen.has(*range(number)))

        async def bad_ones_are_letters() -> bool:
            return len(await letters_of(kafka_bootstrap, lab)) == bad

        await until(bad_ones_are_letters)
        await consuming.consumer.check()
    assert Counter(consuming.seen.numbers) == Counter(range(number))


def split(chance: random.Random, records: list[Raw]) -> list[bytes]:
    """The records in batches of any size and codec."""
    batches = []
    while records:
        size = chance.randint(1, 40)
        batches.append(batch(records[:size], chance.choice(sorted(CODECS))))
        records = records[size:]
    return batches


def strange_headers(chance: random.Random) -> list[tuple[str, bytes | None]]:
    """What agents may add to a good event: mostly nothing."""
    if chance.random() < 0.8:
        return []
    names = ["agent", "", RawName(chance.randbytes(chance.randint(1, 8))), "ce_"]
    return [(chance.choice(names), chance.choice([None, b"", chance.randbytes(9), b"x" * 5000])) for _ in range(3)]


def garbage(chance: random.Random, lab: Lab) -> Raw:
    """What is no event, in one of many ways."""
    good = lab.record("a", -1)
    without = chance.choice(["ce_id", "ce_time", "ce_source", "ce_subject"])
    return chance.choice(
        [
            Raw(None, None),
            Raw(None, None, ((RawName(b"\xff"), None),)),
            Raw(b"a", chance.randbytes(300)),
            Raw(b"a", None, good.headers),
            Raw(b"\xff", good.value, good.headers),
            Raw(b"a", b"\xff" * LARGEST, (("ce_type", lab.happened.encode()),)),
            Raw(b"a", good.value, tuple((name, value) for name, value in good.headers if name != without)),
            Raw(b"a", good.value, tuple((name, None if name == without else value) for name, value in good.headers)),
            Raw(b"a", good.value, tuple((name, b"\xff" if name == without else value) for name, value in good.headers)),
            Raw(b"a", good.value, (("ce_type", None), *good.headers)),
        ]
    )
