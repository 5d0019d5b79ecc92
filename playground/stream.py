"""What open pages receive. Watchers run only while a page is open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger()

Watcher = Callable[[], Awaitable[None]]
"""Observes something and publishes it, without end."""

_WAITING = 2_000
"""How many messages a page may be behind; one that is further behind is let go and connects again."""
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Message:
    """One thing to show. `data` is JSON."""

    kind: str
    data: Any


Reader = asyncio.Queue[Message | None]


class Stream:
    """Passes messages to every open page. The newest message of a kept kind also goes to pages that open later."""

    def __init__(self) -> None:
        self._watchers: Sequence[Watcher] = ()
        self._running: list[asyncio.Task[None]] = []
        self._readers: set[Reader] = set()
        self._kept: dict[str, Message] = {}

    def watch_with(self, *watchers: Watcher) -> None:
        """Set what runs while a page is open."""
        self._watchers = watchers

    def publish(self, kind: str, data: Any, *, keep: bool = False) -> None:
        """Send to every open page."""
        message = Message(kind, data)
        if keep:
            self._kept[kind] = message
        for reader in tuple(self._readers):
            try:
                reader.put_nowait(message)
            except asyncio.QueueFull:
                self._let_go(reader)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        """The messages from now on, after the kept ones. None: there are no more."""
        reader: Reader = asyncio.Queue(_WAITING)
        for message in self._kept.values():
            reader.put_nowait(message)
        self._readers.add(reader)
        if not self._running:
            self._running = [asyncio.create_task(_always(watcher)) for watcher in self._watchers]
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers:
                await self._rest()

    async def close(self) -> None:
        """End every page's stream."""
        for reader in tuple(self._readers):
            self._let_go(reader)
        await self._rest()

    def _let_go(self, reader: Reader) -> None:
        self._readers.discard(reader)
        while not reader.empty():
            reader.get_nowait()
        reader.put_nowait(None)

    async def _rest(self) -> None:
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _always(watcher: Watcher) -> None:
    """Run a watcher; begin again after a failure, because the parts that it reads may be away."""
    while True:
        try:
            await watcher()
        except Exception as error:  # whatever it is, the page goes on
            log.warning("watcher_failed", watcher=str(watcher), error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(_PAUSE_SECONDS)
