"""Watches the parts: the state of each process, and whether it answers."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Sequence

import psutil

from local.part import Part
from local.stack import Stack
from local.supervision import State, Supervisor
from playground.stream import Stream

EVERY_SECONDS = 1.5
PAUSED = "paused"
READY = "ready"
STOPPED = "stopped"


class Parts:
    """The parts of a stack that keep running, by name."""

    def __init__(self, stack: Stack, table: Sequence[Part]) -> None:
        self.stack = stack
        self.table = {part.name: part for part in table if part.ready is not None}
        self.supervisor = Supervisor(stack)

    async def words(self) -> dict[str, str]:
        """The state of each part: ready, not ready, paused, stopped, or the supervisor's word."""
        states = await asyncio.to_thread(self.supervisor.states)
        found = await asyncio.gather(
            *(asyncio.to_thread(self._word, part, states[name]) for name, part in self.table.items() if name in states)
        )
        return dict(zip((name for name in self.table if name in states), found, strict=True))

    def _word(self, part: Part, state: State) -> str:
        if state.idle:
            return STOPPED
        if is_paused(state.pid):
            return PAUSED
        if not state.running:
            return "restarting" if state.failing else state.word.lower()
        return READY if part.ready is not None and part.ready(self.stack) else "not ready"


def is_paused(pid: int) -> bool:
    """Whether the process was stopped by a signal."""
    try:
        return bool(pid) and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


async def watch_parts(stream: Stream, parts: Parts) -> None:
    """Publish the state of every part, as long as the supervisor answers."""
    while True:
        try:
            words = await parts.words()
        except (OSError, http.client.HTTPException):
            words = {}
        stream.publish("parts", words, keep=True)
        await asyncio.sleep(EVERY_SECONDS)
