"""The network between two parts: a TCP proxy that can be cut, slowed down or left half open while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""Closing sends RST instead of FIN (socket(7), SO_LINGER)."""


class State(StrEnum):
    """What a link does with bytes and connections."""

    WHOLE = "whole"
    CUT = "cut"
    """Connections are reset, and new ones are refused with a reset."""
    SLOW = "slow"
    """Each chunk is passed on late."""
    HALF_OPEN = "half_open"
    """Connections stay open and take bytes, and nothing comes out: a peer that vanished without a word."""


@dataclass
class Link:
    """One direction of calls between two parts, such as `payment-stripe`."""

    name: str
    listen: int
    """The port on loopback that the caller connects to."""
    targets: Sequence[int]
    """The ports on loopback of what is behind it: connections go to each in turn, to the next where one is away."""
    state: State = State.WHOLE
    delay: float = 0.0
    """Seconds, for SLOW."""
    _turn: int = 0
    _server: asyncio.Server | None = None
    _callers: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _whole: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._whole.set()
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.listen)

    async def stop(self) -> None:
        """Stop listening, and reset what is open."""
        if self._server is not None:
            self._server.close()
        self._reset()
        callers = list(self._callers)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)

    def become(self, state: State, delay: float = 0.0) -> None:
        """Behave so from now on. Leaving HALF_OPEN resets what was open, as a router that restarted does."""
        was, self.state, self.delay = self.state, state, delay
        if state is State.CUT or was is State.HALF_OPEN:
            self._reset()
        if state is State.HALF_OPEN:
            self._whole.clear()
        else:
            self._whole.set()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = asyncio.create_task(self._accept(reader, writer))
        self._callers.add(caller)
        caller.add_done_callback(self._callers.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.state is State.CUT:
                self._reset()
                return
            await self._whole.wait()
            behind = await self._connect()
            self._writers.add(behind[1])
            try:
                await self._both_ways(reader, writer, *behind)
            finally:
                await self._forget(behind[1])
        except OSError:
            pass  # the part behind is away: the caller sees its connection end
        finally:
            await self._forget(writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises OSError when nobody is there."""
        self._turn += 1
        for tried in range(len(self.targets) - 1):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(
                    "127.0.0.1", self.targets[(self._turn + tried) % len(self.targets)]
                )
        return await asyncio.open_connection("127.0.0.1", self.targets[(self._turn - 1) % len(self.targets)])

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind_reader: asyncio.StreamReader,
        behind_writer: asyncio.StreamWriter,
    ) -> None:
        ways = {
            asyncio.create_task(self._pass_on(reader, behind_writer)),
            asyncio.create_task(self._pass_on(behind_reader, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self.state is State.SLOW:
                    await asyncio.sleep(self.delay)
                await self._whole.wait()
                writer.write(chunk)
                await writer.drain()

    async def _forget(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _reset(self) -> None:
        for writer in list(self._writers):
            connection = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it is closed already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
