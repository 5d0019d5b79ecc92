"""The shares of streams of one process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from services.chassis.plain.errors import ResourceExhausted
from services.chassis.rpc.streams import Streams


async def good() -> None:
    """A token that stays valid."""


class Watcher:
    """A caller whose streams stay open until the end of the test, or until they are ended."""

    def __init__(self, streams: Streams, name: str, address: str = "192.0.2.1") -> None:
        self.streams, self.name, self.address = streams, name, address
        self.tasks: list[asyncio.Task[None]] = []

    async def open(self, count: int = 1) -> None:
        """Open streams. Raises ResourceExhausted if one is refused at once."""
        for _ in range(count):
            begun = asyncio.Event()
            task = asyncio.create_task(self._watch(begun))
            waiting = asyncio.create_task(begun.wait())
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                task.result()
            self.tasks.append(task)

    async def _watch(self, begun: asyncio.Event) -> None:
        async with self.streams.opened("/x", self.name, good, self.address):
            begun.set()
            await asyncio.Event().wait()

    @property
    def lost(self) -> int:
        """How many were ended."""
        return sum(isinstance(task.exception(), ResourceExhausted) for task in self.tasks if task.done())

    async def close(self) -> None:
        """Hang up."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_a_newcomer_gets_the_place_of_who_has_the_most() -> None:
    streams = Streams(most_a_caller=4, most=8)
    ann, bob, eve = Watcher(streams, "ann"), Watcher(streams, "bob"), Watcher(streams, "eve")
    async with AsyncExitStack() as stack:
        for one in (ann, bob, eve):
            stack.push_async_callback(one.close)
        await ann.open(4)
        await bob.open(4)
        await eve.open(2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (ann.lost + bob.lost, eve.lost) == (2, 0)
        # 3 + 3 + 2: with a third one Eve would have more than the others.
        with pytest.raises(ResourceExhausted):
            await eve.open()


async def test_equal_shares_are_kept() -> None:
    streams = Streams(most_a_caller=4, most=3)
    watchers = [Watcher(streams, name) for name in ("ann", "bob", "eve", "joe")]
    async with AsyncExitStack() as stack:
        for one in watchers:
            stack.push_async_callback(one.close)
        for one in watchers[:3]:
            await one.open()
        with pytest.raises(ResourceExhausted):
            await watchers[3].open()
        await watchers[0].close()
        await watchers[3].open()


async def test_one_address_has_a_share_whatever_its_accounts() -> None:
    streams = Streams(most_a_caller=2, most=100, most_an_address=3)
    async with AsyncExitStack() as stack:
        for number in range(3):
            one = Watcher(streams, f"account-{number}")
            stack.push_async_callback(one.close)
            await one.open()
        with pytest.raises(ResourceExhausted, match="address"):
            await Watcher(streams, "account-4").open()
        other = Watcher(streams, "ann", "192.0.2.2")
        stack.push_async_callback(other.close)
        await other.open()
