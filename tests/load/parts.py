"""How much memory each part uses while a profile runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from local.stack import Stack
from local.supervision import Supervisor

_EVERY_SECONDS = 10.0


@dataclass
class Memory:
    """Samples of the run."""

    samples: list[tuple[float, Mapping[str, int]]] = field(default_factory=list)
    """Seconds since it began, and the resident memory of each part, bytes."""

    def growth(self) -> dict[str, tuple[int, int]]:
        """Part → its memory after a tenth of the run, when all is warm, and at the end. Medians of a few samples."""
        if not self.samples:
            return {}
        few = max(1, len(self.samples) // 20)
        tenth = len(self.samples) // 10
        first, last = self.samples[tenth : tenth + few], self.samples[-few:]
        return {part: (_median(first, part), _median(last, part)) for part in self.samples[-1][1]}


def _median(samples: list[tuple[float, Mapping[str, int]]], part: str) -> int:
    values = sorted(sizes.get(part, 0) for _, sizes in samples)
    return values[len(values) // 2]


@asynccontextmanager
async def watched(stack: Stack) -> AsyncIterator[Memory]:
    """Samples the memory of all parts until the block ends."""
    memory, began = Memory(), time.monotonic()

    async def sample() -> None:
        while True:
            sizes = await asyncio.to_thread(_sizes, stack)
            memory.samples.append((time.monotonic() - began, sizes))
            await asyncio.sleep(_EVERY_SECONDS)

    task = asyncio.create_task(sample())
    try:
        yield memory
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _sizes(stack: Stack) -> dict[str, int]:
    return {name: _of_tree(state.pid) for name, state in Supervisor(stack).states().items() if state.pid}


def _of_tree(pid: int) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return sum(_of_process(process) for process in (root, *root.children(recursive=True)))
    return 0


def _of_process(process: psutil.Process) -> int:
    """Its share of memory (PSS): pages that several processes share, such as PostgreSQL's buffers, count once."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
