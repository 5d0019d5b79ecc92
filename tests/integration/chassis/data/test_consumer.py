"""Kafka to effects: every event, effects once, in order per partition, whatever breaks."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from asyncio.subprocess import Process
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import REGISTRY as METRICS

from local.paths import ROOT
from services.chassis.bus import consumer_lag, consumer_session
from services.chassis.bus.consumer import Consumer, ConsumerStopped, NotConsuming
from services.chassis.bus.events import Event
from services.chassis.bus.handling import Handler
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.data.inbox import first_time
from services.chassis.data.postgres import Postgres
from services.chassis.plain.errors import Unavailable
from services.chassis.process.readiness import Readiness
from tests.integration.chassis.data import consumer_process
from tests.integration.chassis.data.conftest import create
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.chassis.data.lab_events import Lab, by_key, lab_events, on_topic, step
from tests.integration.chassis.data.waiting import running, until


@dataclass
class Seen:
    """A handler that records what it handles, and for some numbers does what the test sets."""

    steps: list[tuple[str, int]] = field(default_factory=list)
    tries: Counter[tuple[str, int]] = field(default_factory=Counter)
    raises: dict[tuple[str, int], Exception] = field(default_factory=dict)

    async def __call__(self, event: Event) -> None:
        self.tries[step(event)] += 1
        error = self.raises.get(step(event))
        if error is not None:
            raise error
        self.steps.append(step(event))

    def has(self, count: int) -> Any:
        async def enough() -> bool:
            return len(set(self.steps)) >= count

        return enough


class Effects:
    """A handler that takes effect in the database, once."""

    def __init__(self, postgres: Postgres, group: str) -> None:
        self._postgres = postgres
        self._group = group

    async def __call__(self, event: Event) -> None:
        key, number = step(event)
        async with self._postgres.transaction() as connection:
            if await first_time(connection, self._group, event.id):
                await connection.execute(
                    "INSERT INTO effects (key, number, event_id) VALUES ($1, $2, $3)", key, number, event.id
                )


@pytest.fixture
def group() -> str:
    """A consumer group that has read nothing."""
    return f"lab-{uuid.uuid4().hex}"


@pytest.fixture
def consumer(kafka_bootstrap: str, producer: Producer, lab: Lab, group: str) -> Any:
    """Makes members of this test's group."""

    def make(handler: Handler, **settings: Any) -> Consumer:
        settings = {"since": BEGINNING, "first_pause": 0.01, **settings}
        return Consumer(kafka_bootstrap, group, {lab.happened: handler}, producer, lab.registry, **settings)

    return make


async def send(producer: Producer, lab: Lab, key: str, *numbers: int) -> None:
    for number in numbers:
        await producer.send(lab.record(key, number))


async def keys_apart(lab: Lab, producer: Producer, bootstrap: str) -> tuple[str, str]:
    """Two keys whose events travel on different partitions. Each has had its number 0."""
    keys: dict[int, str] = {}
    while len(keys) < 2:
        key = uuid.uuid4().hex
        await send(producer, lab, key, 0)
        for record in await on_topic(bootstrap, lab.topic):
            if record.key == key.encode():
                keys.setdefault(record.partition, key)
    return keys[0], keys[1]


async def committed(bootstrap: str, group: str, topic: str) -> int:
    """How many messages the group will not see again."""
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await reader.start()
    try:
        offsets = [await reader.committed(TopicPartition(topic, partition)) for partition in range(2)]
        return sum(offset or 0 for offset in offsets)
    finally:
        await reader.stop()


async def test_handles_its_types_in_order_and_goes_on_where_it_stopped(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str, group: str
) -> None:
    seen = Seen()
    for number in range(10):
        await send(producer, lab, "a", number)
        await producer.send(lab.record("a", number, lab.ignored))
    async with running(consumer(seen).run):
        await until(seen.has(10))
    assert seen.steps == [("a", number) for number in range(10)]
    # A graceful stop commits what is done; the last event of the other type may not have been looked at.
    assert await committed(kafka_bootstrap, group, lab.topic) >= 19

    again = Seen()
    await send(producer, lab, "a", 10)
    async with running(consumer(again).run):
        await until(again.has(1))
    assert again.steps == [("a", 10)]


async def test_a_message_that_keeps_failing_becomes_a_dead_letter_and_the_rest_goes_on(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str, group: str
) -> None:
    seen = Seen(raises={("a", 2): ValueError("never")})
    await send(producer, lab, "a", 1, 2, 3)
    async with running(consumer(seen, tries=3).run):
        await until(seen.has(2))
    assert seen.steps == [("a", 1), ("a", 3)]
    assert seen.tries[("a", 2)] == 3
    (letter,) = await on_topic(kafka_bootstrap, f"{lab.topic}.dlq")
    (original,) = [r for r in await on_topic(kafka_bootstrap, lab.topic) if step(lab.registry.decode(r)) == ("a", 2)]
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (original.key, original.value)
    assert headers.items() >= dict(original.headers).items()
    assert headers["dlq_reason"] == b"failed"
    assert headers["dlq_error"] == b"ValueError: never"
    assert headers["dlq_group"] == group.encode()
    assert (headers["dlq_topic"], headers["dlq_offset"]) == (lab.topic.encode(), str(original.offset).encode())
    assert METRICS.get_sample_value("argosy_dead_letters_total", {"topic": lab.topic}) == 1


async def test_a_message_that_cannot_be_read_becomes_a_dead_letter(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str
) -> None:
    seen = Seen()
    await producer.send(replace(lab.record("a", 1), value=b"\xff\xff"))
    await producer.send(replace(lab.record("a", 2), headers=()))
    await send(producer, lab, "a", 3)
    async with running(consumer(seen).run):
        await until(seen.has(1))
    assert seen.steps == [("a", 3)]
    letters = await on_topic(kafka_bootstrap, f"{lab.topic}.dlq")
    assert [dict(letter.headers)["dlq_reason"] for letter in letters] == [b"unreadable"] * 2


async def test_a_partition_that_waits_does_not_hold_the_others(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str
) -> None:
    stuck, fine = await keys_apart(lab, producer, kafka_bootstrap)
    seen = Seen(raises={(stuck, 0): Unavailable()})
    await send(producer, lab, stuck, 1)
    await send(producer, lab, fine, *range(1, 50))
    async with running(consumer(seen, tries=2).run):

        async def the_fine_one_is_through() -> bool:
            return by_key(seen.steps).get(fine) == list(range(50))

        await until(the_fine_one_is_through)
        assert stuck not in by_key(seen.steps)
        assert not await on_topic(kafka_bootstrap, f"{lab.topic}.dlq")
        seen.raises.clear()

        async def so_is_the_other() -> bool:
            return by_key(seen.steps).get(stuck) == [0, 1]

        await until(so_is_the_other)
    assert seen.tries[(stuck, 0)] > 2


async def test_too_many_dead_letters_stop_it_and_that_is_seen(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_lag, "LOOK_EVERY_SECONDS", 0.2)
    seen = Seen(raises={("a", number): ValueError("bug") for number in range(1, 100)})
    await send(producer, lab, "a", *range(20))
    broken = consumer(seen, tries=1)
    async with running(broken.run):
        await until(is_stopped(broken))
        with pytest.raises(ConsumerStopped, match=rf"10 messages in a row.*{lab.topic}/[01]/10: ValueError: bug"):
            await broken.check()
        broken.check_alive()
        assert METRICS.get_sample_value("argosy_consumer_stopped", {"group": group}) == 1

        async def ten_wait() -> bool:
            return lag(group, lab.topic) == 10

        await until(ten_wait)
    letters = await on_topic(kafka_bootstrap, f"{lab.topic}.dlq")
    assert [step(lab.registry.decode(letter)) for letter in letters] == [("a", number) for number in range(1, 10)]

    repaired = Seen()
    one = consumer(repaired)
    async with running(one.run):
        await until(repaired.has(10))
        await one.check()
        assert METRICS.get_sample_value("argosy_consumer_stopped", {"group": group}) == 0
    assert repaired.steps == [("a", number) for number in range(10, 20)]


async def test_one_that_stopped_is_named_and_takes_nothing_down(
    lab: Lab, producer: Producer, consumer: Any, group: str
) -> None:
    """Ten bad messages once made every call a 503."""
    readiness = Readiness(lambda _: None)
    broken = consumer(Seen(raises={("a", number): ValueError("bug") for number in range(20)}), tries=1)
    broken.run_in(AsApp(readiness))
    await send(producer, lab, "a", *range(20))
    async with running(broken.run, readiness.run):

        async def it_is_named() -> bool:
            return readiness.failing == [f"consumer {group}"]

        await until(is_stopped(broken))
        await until(it_is_named)
        assert readiness.serving


class AsApp:
    """What a consumer is run in, as far as readiness goes."""

    def __init__(self, readiness: Readiness) -> None:
        self.add = readiness.add

    def background(self, *_: object) -> None:
        """The test runs it."""

    def live_check(self, *_: object) -> None:
        """Nobody asks."""


async def test_one_that_stopped_goes_on_by_itself_with_its_count_reset(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str, group: str
) -> None:
    poison = range(1, 31)
    seen = Seen(raises={("a", number): ValueError("poison") for number in poison})
    await send(producer, lab, "a", *range(41))
    one = consumer(seen, tries=1, first_rest=0.2)
    async with running(one.run):
        await until(seen.has(11))
        await one.check()
    assert seen.steps == [("a", 0), *(("a", number) for number in range(31, 41))]
    letters = await on_topic(kafka_bootstrap, f"{lab.topic}.dlq")
    assert [step(lab.registry.decode(letter)) for letter in letters] == [("a", number) for number in poison]
    assert max(seen.tries.values()) == 2  # the tenth, whose turn it was when it stopped
    assert METRICS.get_sample_value("argosy_consumer_stopped", {"group": group}) == 0


async def test_asked_to_stop_it_finishes_the_message_at_hand(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str, group: str
) -> None:
    began, finished = asyncio.Event(), []

    async def slow(event: Event) -> None:
        began.set()
        await asyncio.sleep(1)
        finished.append(step(event))

    await send(producer, lab, "a", 1, 2)
    async with running(consumer(slow).run):
        await began.wait()
    assert finished == [("a", 1)]
    assert await committed(kafka_bootstrap, group, lab.topic) == 1


async def test_asked_to_stop_while_it_waits_to_try_again_it_leaves_the_message(
    lab: Lab, producer: Producer, consumer: Any, kafka_bootstrap: str, group: str
) -> None:
    seen = Seen(raises={("a", 1): Unavailable()})
    await send(producer, lab, "a", 1)
    async with running(consumer(seen).run):

        async def tried_a_few_times() -> bool:
            return seen.tries[("a", 1)] > 3

        await until(tried_a_few_times)
    assert await committed(kafka_bootstrap, group, lab.topic) == 0


async def test_effects_are_once_though_nothing_was_committed(
    lab: Lab, producer: Producer, consumer: Any, postgres: Postgres, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_: object) -> None:
        """A process that dies commits nothing."""

    await send(producer, lab, lab.topic, *range(30))
    with monkeypatch.context() as patched:
        patched.setattr(consumer_session.ConsumerSession, "_commit", forget)
        async with running(consumer(Effects(postgres, group)).run):
            await until(effects(postgres, lab.topic, 30))
    handled = {"group": group, "topic": lab.topic, "type": lab.happened, "result": "handled"}
    async with running(consumer(Effects(postgres, group)).run):

        async def all_were_delivered_again() -> bool:
            return METRICS.get_sample_value("argosy_consumer_events_total", handled) == 60

        await until(all_were_delivered_again)
    rows = await postgres.fetch("SELECT number FROM effects WHERE key = $1 ORDER BY at", lab.topic)
    assert [row["number"] for row in rows] == list(range(30))


async def test_killed_again_and_again_it_loses_nothing_and_doubles_nothing(
    lab: Lab, producer: Producer, postgres: Postgres, postgres_url: str, kafka_bootstrap: str
) -> None:
    keys = [f"{lab.topic} {number}" for number in range(4)]
    for number in range(100):
        for key in keys:
            await send(producer, lab, key, number)
    for kill_after in (50, 150, 250):
        process = await spawn(postgres_url, kafka_bootstrap, lab.topic)
        await until(effects(postgres, f"{lab.topic} %", kill_after))
        process.kill()
        await process.wait()
    process = await spawn(postgres_url, kafka_bootstrap, lab.topic)
    await until(effects(postgres, f"{lab.topic} %", 400))
    process.kill()
    await process.wait()
    rows = await postgres.fetch("SELECT key, number FROM effects WHERE key LIKE $1 ORDER BY at", f"{lab.topic} %")
    assert len(rows) == 400
    numbers: dict[str, list[int]] = {}
    for row in rows:
        numbers.setdefault(row["key"], []).append(row["number"])
    assert numbers == {key: list(range(100)) for key in keys}


async def test_members_that_come_and_go_lose_nothing_and_double_nothing(
    lab: Lab, producer: Producer, consumer: Any, postgres: Postgres, group: str
) -> None:
    keys = [f"{lab.topic} {number}" for number in range(6)]
    effect = Effects(postgres, group)

    async def write() -> None:
        for number in range(60):
            for key in keys:
                await send(producer, lab, key, number)
            await asyncio.sleep(0.02)

    async with running(consumer(effect).run):
        writing = asyncio.create_task(write())
        for _ in range(2):
            async with running(consumer(effect).run):
                await asyncio.sleep(1.5)
        await writing
        await until(effects(postgres, f"{lab.topic} %", 360))
    rows = await postgres.fetch("SELECT key, number FROM effects WHERE key LIKE $1 ORDER BY at", f"{lab.topic} %")
    assert len(rows) == 360
    assert by_key([(row["key"], row["number"]) for row in rows]) == {key: list(range(60)) for key in keys}


async def test_goes_on_after_the_broker_was_killed_and_after_it_hung(broker: Broker) -> None:
    lab = lab_events("lab-consumer-outage")
    await create(broker.address, lab.topic)
    producer = Producer(broker.address, "lab")
    await producer.start()
    seen = Seen()
    one = Consumer(broker.address, "lab-outage", {lab.happened: seen}, producer, lab.registry, since=BEGINNING)
    async with running(one.run):
        await send(producer, lab, "a", 0)
        await until(seen.has(1))
        broker.kill()
        await asyncio.sleep(2)
        await one.check()
        one.check_alive()
        await asyncio.to_thread(broker.start)
        await send(producer, lab, "a", 1)
        await until(seen.has(2))
        broker.freeze()
        await asyncio.sleep(8)  # longer than its session lasts
        broker.thaw()
        await send(producer, lab, "a", 2)
        await until(seen.has(3))
        one.check_alive()
    await producer.stop()
    assert by_key(seen.steps) == {"a": [0, 1, 2]}


async def test_waits_for_a_topic_that_is_not_there_yet(kafka_bootstrap: str, producer: Producer, group: str) -> None:
    lab = lab_events(f"lab-late-{uuid.uuid4().hex}")
    seen = Seen()
    one = Consumer(kafka_bootstrap, group, {lab.happened: seen}, producer, lab.registry, since=BEGINNING)
    async with running(one.run):
        await asyncio.sleep(1)
        one.check_alive()
        await create(kafka_bootstrap, lab.topic)
        await send(producer, lab, "a", 1)
        await until(seen.has(1))


async def test_lag_is_measured(
    lab: Lab, producer: Producer, consumer: Any, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_session, "LOOK_EVERY_SECONDS", 0.1)
    seen = Seen(raises={("a", 0): Unavailable()})
    await send(producer, lab, "a", *range(7))
    async with running(consumer(seen).run):

        async def seven_behind() -> bool:
            return lag(group, lab.topic) == 7

        async def none_behind() -> bool:
            return lag(group, lab.topic) == 0

        await until(seven_behind)
        seen.raises.clear()
        await until(none_behind)
        await until(seen.has(7))
    assert lag(group, lab.topic) is None


async def test_lag_is_measured_even_when_it_never_gets_to_read(
    lab: Lab, producer: Producer, consumer: Any, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError("whatever there may be")

    monkeypatch.setattr(consumer_lag, "LOOK_EVERY_SECONDS", 0.2)
    monkeypatch.setattr(consumer_session.ConsumerSession, "_fetch", fail)
    await send(producer, lab, "a", *range(7))
    one = consumer(Seen())
    async with running(one.run):

        async def seven_behind() -> bool:
            return lag(group, lab.topic) == 7

        await until(seven_behind)
        with pytest.raises(NotConsuming, match="whatever there may be"):
            await one.check()


def lag(group: str, topic: str) -> float | None:
    """The gauge's values for both partitions; None: no value."""
    labels = [{"group": group, "topic": topic, "partition": partition} for partition in "01"]
    values = [METRICS.get_sample_value("argosy_consumer_lag", label) for label in labels]
    measured = [value for value in values if value is not None]
    return sum(measured) if measured else None


def is_stopped(one: Consumer) -> Any:
    async def stopped() -> bool:
        try:
            await one.check()
        except ConsumerStopped:
            return True
        return False

    return stopped


def effects(postgres: Postgres, key_like: str, count: int) -> Any:
    async def enough() -> bool:
        found: int = await postgres.fetchval("SELECT count(*) FROM effects WHERE key LIKE $1", key_like)
        return found >= count

    return enough


async def spawn(dsn: str, bootstrap: str, topic: str) -> Process:
    environment = dict(os.environ) | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'generated/python'}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", consumer_process.__name__, dsn, bootstrap, topic, env=environment
    )
