"""Events of the tests' own, so that each test can have a topic to itself; and what is on a topic."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import Message

from argosy.policy.v1 import policy_pb2
from services.chassis.bus import events
from services.chassis.bus.events import Event, OutgoingRecord, Registry
from services.chassis.plain import clock, ids


@dataclass(frozen=True)
class Lab:
    """A topic and the two event types that travel there."""

    topic: str
    happened: str
    """The type that tests handle."""
    ignored: str
    """Another one."""
    registry: Registry

    def event(self, key: str, number: int, event_type: str | None = None) -> Message:
        """A message of a type of this lab: the number-th thing that happened to a key."""
        return self.registry.classes[event_type or self.happened](key=key, number=number)

    def record(self, key: str, number: int, event_type: str | None = None) -> OutgoingRecord:
        """The same as a record, with an id of its own."""
        return events.encode(
            self.event(key, number, event_type),
            id=ids.new_id(),
            source="/argosy/lab",
            time=clock.now(),
            subject=key,
            key=key,
            sequence=number,
        )


@functools.cache
def lab_events(topic: str) -> Lab:
    """Two event types for a topic: each topic's are its own, and the same in every process."""
    unique = re.sub(r"\W", "_", topic)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"lab/{unique}.proto",
        package=f"lab.x{unique}",
        syntax="proto3",
        dependency=["argosy/policy/v1/policy.proto"],
    )
    types = [f"HAPPENED_{unique}", f"IGNORED_{unique}"]
    for name, event_type in zip(("Happened", "Ignored"), types, strict=True):
        message = file.message_type.add(name=name)
        message.options.Extensions[policy_pb2.event].CopyFrom(policy_pb2.EventPolicy(type=event_type, topic=topic))
        field = descriptor_pb2.FieldDescriptorProto
        message.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
        message.field.add(name="number", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    happened, ignored = types
    return Lab(topic, happened, ignored, Registry(pool.FindFileByName(file.name)))


def step(event: Event) -> tuple[str, int]:
    """Which key and number an event is about."""
    message: Any = event.message
    return message.key, message.number


async def on_topic(bootstrap: str, topic: str) -> list[Any]:
    """Everything that is on a topic now, partition by partition, each in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)  # there is no public way to wait for a new topic
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found = []
        for place in places:
            while await consumer.position(place) < ends[place]:
                found.append(await consumer.getone(place))
        return found
    finally:
        await consumer.stop()


def by_key(events_in_order: Sequence[tuple[str, int]]) -> dict[str, list[int]]:
    """The numbers of each key in the order in which they first appear: repeats are allowed, gaps and swaps show."""
    numbers: dict[str, list[int]] = {}
    for key, number in events_in_order:
        seen = numbers.setdefault(key, [])
        if number not in seen:
            seen.append(number)
    return numbers
