"""The relay and an event that cannot be sent: its key waits, the others go on. (The rest: integration/chassis/data.)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.relay import Backlog, Outbox, Relay, Unsent


class Memory:
    """An outbox in memory."""

    def __init__(self, *keys: str) -> None:
        self.entries = [
            Unsent(number, key, (OutgoingRecord("t", key.encode(), b"", ()),)) for number, key in enumerate(keys)
        ]

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Outbox]:
        yield self

    async def unsent(self, limit: int, held_back: Collection[str]) -> Sequence[Unsent]:
        return [entry for entry in self.entries if entry.key not in held_back][:limit]

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        self.entries = [entry for entry in self.entries if entry not in sent]

    async def wait_for_work(self) -> None:
        await asyncio.sleep(0)

    async def backlog(self) -> Backlog:
        return Backlog(len(self.entries), 0)


class Sender:
    """Fails on one key in a way that no producer should."""

    def __init__(self, fails_on: str) -> None:
        self._fails_on = fails_on
        self.sent: list[str] = []

    async def send(self, record: OutgoingRecord) -> None:
        key = (record.key or b"").decode()
        if key == self._fails_on:
            raise AssertionError("need at least one")
        self.sent.append(key)


async def test_an_event_that_cannot_be_sent_holds_up_its_own_key_alone() -> None:
    outbox, sender = Memory("bad", "good", "bad", "better", "good"), Sender("bad")
    running = asyncio.create_task(Relay(outbox.lease, sender).run())
    async with asyncio.timeout(30):
        while any(entry.key != "bad" for entry in outbox.entries):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(sender.sent) == ["better", "good", "good"]
    assert [entry.token for entry in outbox.entries] == [0, 2]
