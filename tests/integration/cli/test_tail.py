"""`argosy tail` on a real broker."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest

from argosy.event.v1 import user_events_pb2
from services.chassis.bus import events
from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.producer import Producer
from services.chassis.plain import clock
from tests.support.argosy import argosy
from tests.support.raw_records import Raw, RawName, batch, produce

TOPIC = "user-events"


@pytest.fixture
async def user(producer: Producer) -> str:
    """A user with three records on the bus: created, an unreadable one, deleted."""
    key = str(uuid.uuid4())
    created = user_events_pb2.UserCreated(user_id=key, email="ada@example.com", name="Ada")
    await producer.send(_record(created, key))
    await producer.send(OutgoingRecord(TOPIC, key.encode(), b"\xff", ()))
    await producer.send(_record(user_events_pb2.UserDeleted(user_id=key), key))
    return key


def _record(message: user_events_pb2.UserCreated | user_events_pb2.UserDeleted, key: str) -> OutgoingRecord:
    return events.encode(message, id=uuid.uuid4(), source="/argosy/user", time=clock.now(), subject=key, key=key)


async def test_records_are_shown_in_order_also_those_that_are_no_events(user: str, bus: Mapping[str, str]) -> None:
    rows = (await argosy("tail", TOPIC, "--no-follow", "--key", user, "--json", environment=bus)).rows
    assert [row["type"] for row in rows] == ["USER_CREATED", None, "USER_DELETED"]
    assert rows[0]["data"] == {"userId": user, "email": "[redacted]", "name": "[redacted]"}
    assert rows[0]["source"] == "/argosy/user"
    assert "header ce_" in rows[1]["unreadable"]
    assert len({(row["partition"]) for row in rows}) == 1


async def test_one_type_alone_and_personal_data_when_asked_for(user: str, bus: Mapping[str, str]) -> None:
    command = ("tail", TOPIC, "--no-follow", "--key", user, "--type", "USER_CREATED", "--reveal", "--json")
    (row,) = (await argosy(*command, environment=bus)).rows
    assert row["data"]["email"] == "ada@example.com"


async def test_what_cannot_be_decoded_is_shown_as_that_and_the_rest_as_ever(
    kafka_bootstrap: str, producer: Producer, bus: Mapping[str, str]
) -> None:
    key = str(uuid.uuid4())
    good = _record(user_events_pb2.UserDeleted(user_id=key), key)
    strange = ((RawName(b"\xfe"), b"\xff"), ("agent", None))
    await produce(kafka_bootstrap, TOPIC, batch([Raw(good.key, good.value, (*strange, *good.headers))]))
    await produce(kafka_bootstrap, TOPIC, batch([Raw(key.encode(), None, (("ce_type", None),))]))
    rows = (await argosy("tail", TOPIC, "--no-follow", "--key", key, "--json", environment=bus)).rows
    assert [row.get("data") for row in rows] == [{"userId": key}, None]
    assert rows[1]["unreadable"] == "NotAnEvent: the header ce_type is missing"


async def test_people_get_a_line_an_event(user: str, bus: Mapping[str, str]) -> None:
    answer = await argosy("tail", TOPIC, "--from-beginning", "--key", user, "--limit", "3", environment=bus)
    lines = answer.out.splitlines()
    assert len(lines) == 3
    assert "USER_CREATED" in lines[0]
    assert "ada@example.com" not in answer.out


async def test_an_unknown_topic_is_refused_with_the_known_ones(bus: Mapping[str, str]) -> None:
    answer = await argosy("tail", "order-event", environment=bus)
    assert answer.code == 2
    assert "there is no topic order-event: choose one of" in answer.err
    assert "order-events" in answer.err
    assert not answer.out


async def test_a_broker_that_is_away_is_reported_in_one_line() -> None:
    answer = await argosy("tail", TOPIC, environment={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[-1].startswith("argosy: Kafka at 127.0.0.1:9 does not answer")
