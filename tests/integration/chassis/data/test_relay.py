"""Outbox to Kafka: everything that was committed, nothing else, in order per key, whatever breaks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from prometheus_client import REGISTRY as METRICS

from argosy.event.v1 import order_events_pb2, user_events_pb2
from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.producer import NotDelivered, Producer, Sender
from services.chassis.bus.relay import Relay
from services.chassis.data import outbox
from services.chassis.data.outbox import publish
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_outbox import PostgresOutbox
from services.chassis.plain import trace_context
from tests.integration.chassis.data.conftest import create
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.chassis.data.lab_events import Lab, by_key, lab_events, on_topic, step
from tests.integration.chassis.data.waiting import running, until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RELAY_SESSIONS = """
    SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE datname = current_database() AND locktype = 'advisory' AND granted
"""


class Breakable:
    """A producer that fails for some keys, and may run a callback for each record."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.broken: set[tuple[str, int]] = set()
        self.tried: list[str] = []

    async def send(self, record: OutgoingRecord) -> None:
        headers = {name: value or b"" for name, value in record.headers}
        key, number = headers["ce_subject"].decode(), int(headers["ce_sequence"])
        self.tried.append(f"{key} {number}")
        if (key, number) in self.broken:
            raise NotDelivered("broken by the test")
        await self._producer.send(record)


def relay(postgres: Postgres, producer: Sender, *, batch: int = 100) -> Relay:
    return Relay(PostgresOutbox(postgres, "lab").lease, producer, batch=batch)


async def happen(postgres: Postgres, lab: Lab, key: str) -> int:
    """The next change of an aggregate: its row changes and an event is added to the outbox."""
    async with postgres.transaction() as connection:
        number: int = await connection.fetchval(
            "INSERT INTO aggregates VALUES ($1, 1) ON CONFLICT (key) "
            "DO UPDATE SET number = aggregates.number + 1 RETURNING number",
            key,
        )
        await publish(connection, lab.event(key, number), key, key, number)
    return number


async def unsent(postgres: Postgres, lab: Lab) -> int:
    count: int = await postgres.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND topic = $1", lab.topic)
    return count


async def all_sent(postgres: Postgres, lab: Lab) -> None:
    async def none_is_left() -> bool:
        return await unsent(postgres, lab) == 0

    await until(none_is_left)


async def found(bootstrap: str, lab: Lab) -> list[tuple[str, int]]:
    return [step(lab.registry.decode(record)) for record in await on_topic(bootstrap, lab.topic)]


async def active(postgres: Postgres) -> list[int]:
    """The server processes of sessions that hold the relay's lock."""
    return [row["pid"] for row in await postgres.fetch(RELAY_SESSIONS)]


async def end(postgres: Postgres, pid: int) -> None:
    await postgres.execute("SELECT pg_terminate_backend($1, 5000)", pid)


async def test_publishes_what_was_committed(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    async def commit() -> Any:
        with trace_context.using(TRACE):
            async with postgres.transaction() as connection:
                return await publish(connection, lab.event("committed", 1), "the key", "the subject", 7)

    async def roll_back() -> None:
        async with postgres.transaction() as connection:
            await publish(connection, lab.event("rolled back", 1), "k", "s")
            raise KeyError

    event_id = await commit()
    with pytest.raises(KeyError):
        await roll_back()
    async with running(relay(postgres, producer).run):
        await all_sent(postgres, lab)
    (record,) = await on_topic(kafka_bootstrap, lab.topic)
    event = lab.registry.decode(record)
    assert step(event) == ("committed", 1)
    assert (event.id, event.key, event.subject, event.sequence) == (event_id, "the key", "the subject", 7)
    assert (event.source, event.traceparent) == ("/argosy/lab", TRACE)
    assert event.time == await postgres.fetchval("SELECT occurred_at FROM outbox WHERE id = $1", event_id)


async def test_an_event_is_published_in_the_version_in_which_it_was_stored(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    """Whichever version of the service publishes it."""
    for _ in range(2):
        await happen(postgres, lab, "versions")
    await postgres.execute("UPDATE outbox SET data_version = 7 WHERE topic = $1 AND sequence = 2", lab.topic)
    async with running(relay(postgres, producer).run):
        await all_sent(postgres, lab)
    headers = [dict(record.headers) for record in await on_topic(kafka_bootstrap, lab.topic)]
    assert [one.get("ce_dataversion") for one in headers] == [None, b"7"]


async def test_an_event_is_published_in_a_transaction_and_is_one(postgres: Postgres, lab: Lab) -> None:
    async with postgres.connection() as connection:
        with pytest.raises(RuntimeError):
            await publish(connection, lab.event("k", 1), "k", "k")
    async with postgres.transaction() as connection:
        with pytest.raises(ValueError, match="at most 900000"):
            await publish(connection, user_events_pb2.UserDeleted(user_id="x" * outbox.MAX_BYTES), "k", "k")
        with pytest.raises(ValueError, match="option"):
            await publish(connection, order_events_pb2.OrderLine(), "k", "k")
    assert await unsent(postgres, lab) == 0


async def test_many_writers_while_it_runs(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    keys = [f"{lab.topic} {number}" for number in range(12)]
    rng = random.Random(7)

    async def write() -> None:
        for _ in range(30):
            await happen(postgres, lab, rng.choice(keys))

    async with running(relay(postgres, producer, batch=20).run):
        await asyncio.gather(*(write() for _ in range(15)))
        await all_sent(postgres, lab)
    events = await found(kafka_bootstrap, lab)
    assert len(events) == 15 * 30
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_key(events).values())


async def test_a_late_commit_with_an_early_position_is_not_missed(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    async with running(relay(postgres, producer).run):
        async with postgres.transaction() as connection:
            await publish(connection, lab.event("early position, late commit", 1), "a", "a")
            await happen(postgres, lab, lab.topic)
            await all_sent(postgres, lab)
        await all_sent(postgres, lab)
    assert {key for key, _ in await found(kafka_bootstrap, lab)} == {"early position, late commit", lab.topic}


async def test_of_two_one_is_active_and_the_other_takes_over(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    first, second = Breakable(producer), Breakable(producer)

    async def someone_is_active() -> bool:
        return bool(await active(postgres))

    async with running(relay(postgres, first).run):
        await until(someone_is_active)
        async with running(relay(postgres, second).run):
            for number in range(1, 21):
                assert await happen(postgres, lab, lab.topic) == number
            await all_sent(postgres, lab)
            assert len(first.tried) == 20
            assert second.tried == []
            (pid,) = await active(postgres)
            await end(postgres, pid)
            await happen(postgres, lab, lab.topic)
            await all_sent(postgres, lab)
            (new_pid,) = await active(postgres)
            assert new_pid != pid
    assert len(first.tried) + len(second.tried) == 21
    assert await found(kafka_bootstrap, lab) == [(lab.topic, number) for number in range(1, 22)]


async def test_connections_that_keep_ending_lose_nothing_and_keep_the_order(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    keys = [f"{lab.topic} {number}" for number in range(5)]
    writing = True

    async def hurt() -> None:
        while writing:
            for pid in await active(postgres):
                await end(postgres, pid)
            await asyncio.sleep(0.1)

    async with running(relay(postgres, producer, batch=10).run, relay(postgres, producer, batch=10).run, hurt):
        for _ in range(40):
            for key in keys:
                await happen(postgres, lab, key)
        writing = False
        await all_sent(postgres, lab)
    assert by_key(await found(kafka_bootstrap, lab)) == {key: list(range(1, 41)) for key in keys}


async def test_dying_between_the_acknowledgement_and_the_mark_publishes_the_same_event_again(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    class Deadly:
        """Ends the relay's session right after the broker has acknowledged, once."""

        done = False

        async def send(self, record: OutgoingRecord) -> None:
            await producer.send(record)
            if not self.done:
                self.done = True
                for pid in await active(postgres):
                    await end(postgres, pid)

    await happen(postgres, lab, lab.topic)
    async with running(relay(postgres, Deadly()).run):
        await all_sent(postgres, lab)
    records = [lab.registry.decode(record) for record in await on_topic(kafka_bootstrap, lab.topic)]
    assert len(records) == 2
    assert len({event.id for event in records}) == 1


async def test_one_that_fails_holds_up_its_key_alone(
    postgres: Postgres, producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    stuck, fine = f"{lab.topic} stuck", f"{lab.topic} fine"
    breakable = Breakable(producer)
    breakable.broken.add((stuck, 2))
    for _ in range(5):
        await happen(postgres, lab, stuck)
    async with running(relay(postgres, breakable, batch=3).run):
        # A batch that the stuck key alone could fill: others must get through all the same.
        for _ in range(10):
            await happen(postgres, lab, fine)

        async def only_the_stuck_are_left() -> bool:
            return await unsent(postgres, lab) == 4

        await until(only_the_stuck_are_left)
        assert by_key(await found(kafka_bootstrap, lab)) == {stuck: [1], fine: list(range(1, 11))}
        assert Counter(breakable.tried)[f"{stuck} 3"] == 0
        breakable.broken.clear()
        await all_sent(postgres, lab)
    assert by_key(await found(kafka_bootstrap, lab)) == {stuck: [1, 2, 3, 4, 5], fine: list(range(1, 11))}


async def test_a_broker_that_is_killed_is_waited_for(postgres: Postgres, broker: Broker) -> None:
    lab = lab_events("lab-outage")
    await create(broker.address, lab.topic)
    producer = Producer(broker.address, "lab")
    await producer.start()
    async with running(relay(postgres, producer).run):
        for _ in range(20):
            await happen(postgres, lab, "outage")
        await all_sent(postgres, lab)
        broker.kill()
        for _ in range(20):
            await happen(postgres, lab, "outage")
        await asyncio.sleep(3)
        assert await unsent(postgres, lab) == 20
        await asyncio.to_thread(broker.start)
        await all_sent(postgres, lab)
    await producer.stop()
    assert by_key(await found(broker.address, lab)) == {"outage": list(range(1, 41))}


async def test_a_broker_that_hangs_is_waited_for(postgres: Postgres, broker: Broker) -> None:
    lab = lab_events("lab-hang")
    await create(broker.address, lab.topic)
    producer = Producer(broker.address, "lab")
    await producer.start()
    async with running(relay(postgres, producer).run):
        await happen(postgres, lab, "hang")
        await all_sent(postgres, lab)
        broker.freeze()
        for _ in range(20):
            await happen(postgres, lab, "hang")
        await asyncio.sleep(12)  # longer than one try may take: the producer is replaced meanwhile
        assert await unsent(postgres, lab) == 20
        broker.thaw()
        await all_sent(postgres, lab)
    await producer.stop()
    assert by_key(await found(broker.address, lab)) == {"hang": list(range(1, 22))}


async def test_starts_before_the_broker(postgres: Postgres, broker: Broker) -> None:
    broker.kill()
    producer = Producer(broker.address, "lab")
    await producer.start()
    with pytest.raises(NotDelivered):
        await producer.check()
    lab = lab_events("lab-late")
    await happen(postgres, lab, "late")
    async with running(relay(postgres, producer).run):
        await asyncio.to_thread(broker.start)
        await create(broker.address, lab.topic)
        await all_sent(postgres, lab)
        await producer.check()
    await producer.stop()
    assert await found(broker.address, lab) == [("late", 1)]


async def test_lag_is_measured(postgres: Postgres, producer: Producer, lab: Lab) -> None:
    breakable = Breakable(producer)
    breakable.broken.add((lab.topic, 1))
    for _ in range(3):
        await happen(postgres, lab, lab.topic)
    await postgres.execute("UPDATE outbox SET occurred_at = now() - interval '90 s' WHERE topic = $1", lab.topic)
    async with running(relay(postgres, breakable).run):

        async def reported() -> bool:
            return METRICS.get_sample_value("argosy_outbox_pending") == 3

        await until(reported)
        assert (METRICS.get_sample_value("argosy_outbox_oldest_seconds") or 0) >= 90
        before = METRICS.get_sample_value("argosy_relay_published_total", {"topic": lab.topic})
        assert before is None
        breakable.broken.clear()
        await all_sent(postgres, lab)
    assert METRICS.get_sample_value("argosy_relay_published_total", {"topic": lab.topic}) == 3
    assert METRICS.get_sample_value("argosy_outbox_pending") == 0
