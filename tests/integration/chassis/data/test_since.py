"""From when a group counts: new groups, added partitions, offsets that are gone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.errors import NonEmptyGroup, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from services.chassis.bus.consumer import Consumer
from services.chassis.bus.events import Event
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.plain import clock
from tests.integration.chassis.data.lab_events import Lab, step
from tests.integration.chassis.data.waiting import running, until
from tests.support.raw_records import Raw, batch, produce

NOW = clock.now()
LONG_AGO, LATELY = NOW - timedelta(days=29), NOW - timedelta(hours=1)
SINCE = NOW - timedelta(days=1)


class Members:
    """A group on a lab's topic, one member after another."""

    def __init__(self, bootstrap: str, lab: Lab, producer: Producer) -> None:
        self.group = f"lab-{uuid.uuid4().hex}"
        self.handled: list[int] = []
        self._bootstrap, self._lab, self._producer = bootstrap, lab, producer

    async def run_until_handled(self, since: datetime, *numbers: int) -> list[int]:
        """Let a new member handle at least these; what it handled."""
        self.handled.clear()
        handlers = {self._lab.happened: self._handle}
        one = Consumer(self._bootstrap, self.group, handlers, self._producer, self._lab.registry, since=since)

        async def all_of_them() -> bool:
            return set(numbers) <= set(self.handled)

        async with running(one.run):
            await until(all_of_them)
        return sorted(self.handled)

    async def _handle(self, event: Event) -> None:
        self.handled.append(step(event)[1])


@pytest.fixture
def members(kafka_bootstrap: str, lab: Lab, producer: Producer) -> Members:
    return Members(kafka_bootstrap, lab, producer)


@pytest.fixture
async def admin(kafka_bootstrap: str) -> AsyncIterator[Any]:
    one = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await one.start()
    yield one
    await one.close()


async def publish(bootstrap: str, lab: Lab, at: datetime, number: int, partition: int) -> None:
    """One event that was sent then."""
    record = lab.record("a", number)
    stamp = int(at.timestamp() * 1000)
    await produce(bootstrap, lab.topic, batch([Raw(record.key, record.value, record.headers, stamp)]), partition)


@pytest.fixture
async def history(kafka_bootstrap: str, lab: Lab) -> None:
    """Two partitions, each with something of long ago and something of late."""
    for partition in range(2):
        await publish(kafka_bootstrap, lab, LONG_AGO, partition, partition)
        await publish(kafka_bootstrap, lab, LATELY, 10 + partition, partition)


@pytest.mark.usefixtures("history")
async def test_a_new_group_hears_nothing_of_before_it_counts(members: Members) -> None:
    assert await members.run_until_handled(SINCE, 10, 11) == [10, 11]


@pytest.mark.usefixtures("history")
async def test_a_new_group_hears_all_when_it_counts_from_the_beginning(members: Members) -> None:
    assert await members.run_until_handled(BEGINNING, 0, 1, 10, 11) == [0, 1, 10, 11]


@pytest.mark.usefixtures("history")
async def test_a_group_that_has_committed_goes_on_there_whatever_it_counts_from(
    kafka_bootstrap: str, lab: Lab, members: Members
) -> None:
    await members.run_until_handled(BEGINNING, 0, 1, 10, 11)
    await publish(kafka_bootstrap, lab, LONG_AGO, 20, 0)  # its timestamp is before, and it is handled all the same
    assert await members.run_until_handled(clock.now() + timedelta(hours=1), 20) == [20]


@pytest.mark.usefixtures("history")
async def test_nothing_of_an_added_partition_is_lost(
    kafka_bootstrap: str, lab: Lab, members: Members, admin: AIOKafkaAdminClient
) -> None:
    assert await members.run_until_handled(SINCE, 10, 11) == [10, 11]
    await admin.create_partitions({lab.topic: NewPartitions(3)})
    await publish(kafka_bootstrap, lab, clock.now(), 30, 2)  # before any member has heard of the partition
    assert await members.run_until_handled(SINCE, 30) == [30]


@pytest.mark.usefixtures("history")
async def test_after_offsets_expired_events_come_again_and_none_is_lost(
    kafka_bootstrap: str, lab: Lab, members: Members, admin: AIOKafkaAdminClient
) -> None:
    await members.run_until_handled(SINCE, 10, 11)
    await publish(kafka_bootstrap, lab, clock.now(), 20, 0)
    await forget(admin, members.group)
    assert await members.run_until_handled(SINCE, 10, 11, 20) == [10, 11, 20]


async def forget(admin: AIOKafkaAdminClient, group: str) -> None:
    """What the broker does by itself with a group that was away for longer than `offsets.retention.minutes`."""
    coordinator = await admin.find_coordinator(group)
    async with asyncio.timeout(30):
        while True:
            answer = await admin._send_request_to_node(coordinator, DeleteGroupsRequest([group]))
            ((_, code),) = answer.results
            if for_code(code) is not NonEmptyGroup:  # its last member has not left yet
                assert code == 0, for_code(code)
                return
            await asyncio.sleep(0.2)


async def test_where_what_comes_next_was_deleted_it_goes_on_with_what_there_is(
    kafka_bootstrap: str, lab: Lab, members: Members, admin: AIOKafkaAdminClient
) -> None:
    await publish(kafka_bootstrap, lab, LATELY, 1, 0)
    await members.run_until_handled(SINCE, 1)
    for number in (2, 3):
        await publish(kafka_bootstrap, lab, clock.now(), number, 0)
    await admin.delete_records({TopicPartition(lab.topic, 0): RecordsToDelete(before_offset=2)})
    assert await members.run_until_handled(SINCE, 3) == [3]


async def test_where_it_is_further_than_the_topic_it_counts_from_its_instant(
    kafka_bootstrap: str, lab: Lab, members: Members
) -> None:
    """As after a topic was made anew: not what is older than that, and not nothing."""
    await publish(kafka_bootstrap, lab, LONG_AGO, 0, 0)
    await publish(kafka_bootstrap, lab, LATELY, 1, 0)
    place = TopicPartition(lab.topic, 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka_bootstrap,
        group_id=members.group,
        enable_auto_commit=False,  # else it commits once more as it stops, where its own fetches have gone meanwhile
    ) as ahead:
        ahead.assign([place])
        await ahead.commit({place: 1000})
    assert await members.run_until_handled(SINCE, 1) == [1]


def test_an_instant_has_its_time_zone(kafka_bootstrap: str, lab: Lab, producer: Producer) -> None:
    async def handle(_: Event) -> None:
        """Nothing comes."""

    with pytest.raises(ValueError, match="time zone"):
        Consumer(kafka_bootstrap, "g", {lab.happened: handle}, producer, lab.registry, since=datetime(2026, 3, 1))  # noqa: DTZ001


def test_the_start_of_a_group_is_required(kafka_bootstrap: str, lab: Lab, producer: Producer) -> None:
    with pytest.raises(TypeError, match="since"):
        Consumer(kafka_bootstrap, "g", {}, producer, lab.registry)  # type: ignore[call-arg]
