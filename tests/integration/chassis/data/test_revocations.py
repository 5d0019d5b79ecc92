"""Every replica learns on its own which sessions have ended, from a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from google.protobuf.message import Message
from prometheus_client import REGISTRY as METRICS

from argosy.event.v1 import user_events_pb2
from services.chassis.bus import events
from services.chassis.bus.events import Headers, OutgoingRecord
from services.chassis.bus.producer import Producer
from services.chassis.plain import clock
from services.chassis.plain.ids import new_id
from services.chassis.rpc.call import User
from services.chassis.rpc.revocations import TOPIC, NotCaughtUp, Revocations
from tests.integration.chassis.data.conftest import create
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.chassis.data.waiting import until
from tests.support.raw_records import Raw, RawName, batch, produce


class Tokens:
    """Somebody's, of one session."""

    def __init__(self) -> None:
        self.user = User(str(new_id()), frozenset(), str(new_id()), "web-app")

    @property
    def session_revoked(self) -> OutgoingRecord:
        return self._record(user_events_pb2.SessionRevoked(user_id=self.user.id, session_id=self.user.session_id))

    @property
    def user_deleted(self) -> OutgoingRecord:
        return self._record(user_events_pb2.UserDeleted(user_id=self.user.id))

    def _record(self, message: Message) -> OutgoingRecord:
        user_id = self.user.id
        return events.encode(
            message, id=new_id(), source="/argosy/user", time=clock.now(), subject=user_id, key=user_id
        )


@asynccontextmanager
async def replica(bootstrap: str, patience: float = 600) -> AsyncIterator[Revocations]:
    """One that has caught up."""
    one = Revocations(bootstrap, patience)
    try:
        await started(one)
        yield one
    finally:
        await one.stop()


async def started(one: Revocations) -> None:
    """Start it as the app does: again and again."""
    async with asyncio.timeout(120):
        while True:
            try:
                return await one.start()
            except NotCaughtUp:
                continue


async def learns(one: Revocations, tokens: Tokens) -> None:
    async def ended() -> bool:
        return one.ended(tokens.user)

    await until(ended)


async def test_a_replica_that_starts_knows_what_ended_before(kafka_bootstrap: str, producer: Producer) -> None:
    signed_out, deleted, other = Tokens(), Tokens(), Tokens()
    await producer.send(signed_out.session_revoked)
    await producer.send(deleted.user_deleted)
    async with replica(kafka_bootstrap) as one:
        assert [one.ended(tokens.user) for tokens in (signed_out, deleted, other)] == [True, True, False]


async def test_every_running_replica_learns_what_ends(kafka_bootstrap: str, producer: Producer) -> None:
    first, second = Tokens(), Tokens()
    async with replica(kafka_bootstrap) as one, replica(kafka_bootstrap) as two:
        await producer.send(first.session_revoked)
        await producer.send(second.user_deleted)
        for each in (one, two):
            await learns(each, first)
            await learns(each, second)


async def test_what_is_no_event_is_passed_over(kafka_bootstrap: str, producer: Producer) -> None:
    tokens = Tokens()
    good = tokens.session_revoked
    async with replica(kafka_bootstrap) as one:
        nonsense: Headers = (("ce_type", b"SESSION_REVOKED"),)
        await producer.send(OutgoingRecord(TOPIC, good.key, b"\xff\xff", nonsense))
        await producer.send(OutgoingRecord(TOPIC, good.key, b"\xff\xff", (("ce_type", b"\xff"),)))
        await producer.send(OutgoingRecord(TOPIC, good.key, None, ()))
        await producer.send(good)
        await learns(one, tokens)


async def test_what_cannot_be_decoded_is_stepped_over_by_those_that_run_and_those_that_start(
    kafka_bootstrap: str, producer: Producer
) -> None:
    def stepped_over() -> float:
        return METRICS.get_sample_value("argosy_tail_unreadable_total", {"topic": TOPIC}) or 0

    before, strange, after = Tokens(), Tokens(), Tokens()
    async with replica(kafka_bootstrap) as one:
        counted = stepped_over()
        await producer.send(before.session_revoked)
        good = strange.session_revoked
        agent = ((RawName(b"\xfe"), b"\xff"), ("agent", None))
        await produce(
            kafka_bootstrap,
            TOPIC,
            batch(
                [
                    Raw(b"\xff", b"\xff", (("ce_type", b"SESSION_REVOKED"), (RawName(b"\xff\xff"), None))),
                    Raw(None, None, (("ce_type", None),)),
                    Raw(good.key, good.value, (*agent, *good.headers)),
                ],
                "zstd",
            ),
        )
        await producer.send(after.user_deleted)
        for tokens in (before, strange, after):
            await learns(one, tokens)
        assert stepped_over() == counted + 1
    async with replica(kafka_bootstrap) as another:
        assert [another.ended(tokens.user) for tokens in (before, strange, after)] == [True, True, True]


async def test_a_broker_that_comes_late_and_one_that_comes_back(broker: Broker) -> None:
    before, after = Tokens(), Tokens()
    broker.kill()
    hasty = Revocations(broker.address, 0)
    sender = Producer(broker.address, "lab")
    try:
        await hasty.start()  # open, though nothing is known
        broker.start()
        await create(broker.address, TOPIC)
        await sender.start()
        await sender.send(before.session_revoked)
        await learns(hasty, before)
        broker.kill()
        broker.start()
        await sender.send(after.session_revoked)
        await learns(hasty, after)
        assert hasty.ended(before.user)
    finally:
        await sender.stop()
        await hasty.stop()
