"""The stack's processes: who runs, and kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

from local import credentials
from local.part import Part
from local.supervision import Supervisor
from local.topology import parts
from local.waiting import is_ready
from tests.support.real_stack import RealStack
from tests.support.shop import until


@dataclass(frozen=True)
class Parts:
    """What the supervisor runs."""

    stack: RealStack

    def pid(self, name: str) -> int:
        """A part's process; 0 when there is none at the moment."""
        return self.pids()[name]

    def pids(self) -> dict[str, int]:
        """Every part's process; 0 for those that have done their work."""
        return {name: state.pid for name, state in Supervisor(self.stack.stack).states().items()}

    async def kill(self, name: str) -> int:
        """End a part and all its children as the kernel would in an emergency; answers whom."""
        pid = await until(lambda: asyncio.to_thread(self.pid, name), bool, f"{name} runs")
        victims = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):  # a child that went with its parent
                os.kill(victim, signal.SIGKILL)
        return pid

    @asynccontextmanager
    async def away(self, name: str) -> AsyncIterator[None]:
        """A part is stopped for the length of the block, and ready again after it."""
        supervisor, part = Supervisor(self.stack.stack), self._part(name)
        pid = await asyncio.to_thread(self.pid, name)
        await asyncio.to_thread(supervisor.stop, part)
        try:
            yield
        finally:
            await asyncio.to_thread(supervisor.start, part)
            await self.until_back(name, pid)

    async def until_back(self, name: str, killed: int) -> None:
        """Wait until the supervisor has started the part anew, and it is ready."""

        async def look() -> bool:
            return await asyncio.to_thread(self._is_back, name, killed)

        await until(look, bool, f"{name} is back")

    def _is_back(self, name: str, killed: int) -> bool:
        state = Supervisor(self.stack.stack).states()[name]
        return state.pid != killed and is_ready(self.stack.stack, self._part(name), state)

    def _part(self, name: str) -> Part:
        table = parts(self.stack.stack, credentials.read(self.stack.stack.secrets))
        return next(part for part in table if part.name == name)
