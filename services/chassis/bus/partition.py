"""Handles the messages of one partition in order. A message that waits delays only its own partition."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from services.chassis.bus.handling import Interrupted

Process = Callable[[Any, asyncio.Event], Awaitable[None]]


class Partition:
    """The queue of records that were fetched from one partition, and the task that handles them.

    Args:
        process: handles one record. Raises Interrupted if it was stopped before.
        on_failed: called once, with any other exception of `process`. The task then ends.
    """

    def __init__(self, process: Process, on_failed: Callable[[BaseException], None]) -> None:
        self._process = process
        self._on_failed = on_failed
        self._waiting: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self.busy = False
        """Whether a message is being handled."""
        self.next_offset: int | None = None
        """The offset to commit: all records before it are handled. None: none is handled yet."""
        self._task = asyncio.create_task(self._work())

    def __len__(self) -> int:
        return len(self._waiting) + self.busy

    def add(self, records: Iterable[Any]) -> None:
        """Append records, in order."""
        self._waiting.extend(records)
        self._arrived.set()

    async def stop(self, grace: float) -> None:
        """Finish the current message within `grace` seconds, then cancel it. Drop the others."""
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
                await self._handle(self._waiting.popleft())
        except Interrupted:
            pass
        except Exception as error:
            self._on_failed(error)

    async def _handle(self, record: Any) -> None:
        self.busy = True
        try:
            await self._process(record, self._stopping)
            self.next_offset = record.offset + 1
        finally:
            self.busy = False
