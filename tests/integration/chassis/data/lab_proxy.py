"""A way to the database on which an answer may get lost."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on, both ways; `url` leads through it. Close it by `async with`."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._question: bytes | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._ways: set[asyncio.Task[None]] = set()
        self.lost = False
        """Whether an answer was lost."""

    @property
    def url(self) -> str:
        """The same database, through here."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return self._parts._replace(netloc=f"{self._parts.netloc.rpartition(':')[0]}:{port}").geturl()

    def lose_the_answer_to(self, question: bytes) -> None:
        """Let the server have the next message with these bytes, and the client nothing more on that connection."""
        self._question = question

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers += [to_client, to_server]
        asked = asyncio.Event()

        async def questions() -> None:
            while data := await client.read(65536):
                if self._question is not None and self._question in data:
                    self._question = None
                    asked.set()
                to_server.write(data)
            to_server.close()

        async def answers() -> None:
            while data := await server.read(65536):
                if asked.is_set():
                    self.lost = True
                    break
                to_client.write(data)
            to_client.close()

        for way in (questions, answers):
            task = asyncio.create_task(way())
            self._ways.add(task)
            task.add_done_callback(self._ways.discard)
