"""One partition's messages, one after the other: a message that waits holds up its own partition alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from services.chassis.handling import Interrupted

Process = Callable[[Any, asyncio.Event], Awaitable[None]]


class Partition:
    """Works off what was fetched from one partition.

    Args:
        process: settles one record; raises Interrupted when it was asked to stop first.
        on_failed: called once, with what `process` raised besides; the partition then stands still.
    """

    def __init__(self, process: Process, on_failed: Callable[[BaseException], None]) -> None:
        self._process = process
        self._on_failed = on_failed
        self._waiting: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self.busy = False
        """Whether a message is being worked on."""
        self.next_offset: int | None = None
        """Where to go on after a restart: everything before it is settled. None: nothing has been yet."""
        self._task = asyncio.create_task(self._work())

    def __len__(self) -> int:
        return len(self._waiting) + self.busy

    def add(self, records: Iterable[Any]) -> None:
        """More to do, in order."""
        self._waiting.extend(records)
        self._arrived.set()

    async def stop(self, grace: float) -> None:
        """Finish the message at hand, within `grace` seconds, and leave the rest."""
        self._stopping.set()
        self._waiting.clear()
        self._arrived.set()
        _, unfinished = await asyncio.wait({self._task}, timeout=grace)
        for task in unfinished:
            task.cancel()
            await asyncio.wait({task})

    async def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                await self._settle(self._waiting.popleft())
        except Interrupted:
            pass
        except Exception as error:
            self._on_failed(error)

    async def _settle(self, record: Any) -> None:
        self.busy = True
        try:
            await self._process(record, self._stopping)
            self.next_offset = record.offset + 1
        finally:
            self.busy = False
