"""Sending to Kafka: acknowledged or failed; in order; and a failure of one record does not fail others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.chassis.bus import producer as producer_module
from services.chassis.bus.producer import NotDelivered, Producer
from tests.integration.chassis.data.lab_events import Lab, by_key, on_topic, step


async def test_what_is_sent_one_after_the_other_arrives_in_that_order(
    producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    async def send_all(key: str) -> None:
        for number in range(50):
            await producer.send(lab.record(key, number))

    keys = [f"key {number}" for number in range(10)]
    await asyncio.gather(*(send_all(key) for key in keys))
    found = [step(lab.registry.decode(record)) for record in await on_topic(kafka_bootstrap, lab.topic)]
    assert len(found) == 500
    assert by_key(found) == {key: list(range(50)) for key in keys}


async def test_a_record_that_the_broker_will_never_take_is_refused_and_harms_no_other(
    producer: Producer, lab: Lab, kafka_bootstrap: str
) -> None:
    good = [asyncio.create_task(producer.send(lab.record("a", number))) for number in range(20)]
    with pytest.raises(NotDelivered, match="MessageSizeTooLarge"):
        await producer.send(replace(lab.record("b", 1), value=b"x" * 2_000_000))
    await asyncio.gather(*good)
    assert len(await on_topic(kafka_bootstrap, lab.topic)) == 20


async def test_a_topic_that_does_not_exist_is_reported_while_others_go_on(
    producer: Producer, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer_module, "_SEND_SECONDS", 3.0)
    lost = asyncio.create_task(producer.send(replace(lab.record("a", 1), topic=f"{lab.topic}.nowhere")))
    for number in range(20):
        await producer.send(lab.record("b", number))
    with pytest.raises(NotDelivered):
        await lost


async def test_stopping_delivers_what_is_under_way(kafka_bootstrap: str, lab: Lab) -> None:
    own = Producer(kafka_bootstrap, "lab")
    await own.start()
    await own.check()
    first = asyncio.create_task(own.send(lab.record("a", 0)))
    others = [asyncio.create_task(own.send(lab.record("a", number))) for number in range(1, 20)]
    await first
    await own.stop()
    await asyncio.gather(*others)
    assert len(await on_topic(kafka_bootstrap, lab.topic)) == 20
    with pytest.raises(NotDelivered):
        await own.send(lab.record("a", 20))
    assert len(await on_topic(kafka_bootstrap, lab.topic)) == 20


async def test_a_broker_that_is_away_is_reported() -> None:
    lost = Producer("127.0.0.1:1", "lab")
    await lost.start()
    with pytest.raises(NotDelivered):
        await lost.check()
    await lost.stop()
