"""The page's server beside the real stack; whatever a test breaks is mended after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.real_stack import RealStack

_ACT_SECONDS = 400.0

Json = dict[str, Any]


class OpenPage:
    """What an open page has received."""

    def __init__(self) -> None:
        self._received: list[tuple[str, Any]] = []
        self._more = asyncio.Condition()

    async def add(self, kind: str, data: Any) -> None:
        """Note a message."""
        async with self._more:
            self._received.append((kind, data))
            self._more.notify_all()

    def forget(self) -> None:
        """Expect what comes from now on."""
        self._received.clear()

    async def received(self, kind: str, good: Callable[[Any], object] = bool) -> Any:
        """A message of a kind that is good, whenever it came. Fails when none comes."""
        async with asyncio.timeout(120), self._more:
            while True:
                for found, data in self._received:
                    if found == kind and good(data):
                        return data
                await self._more.wait()


@dataclass(frozen=True)
class Playground:
    """The server, as the page uses it."""

    http: httpx.AsyncClient

    async def act(self, name: str, **asked: str) -> Json:
        """Do what a button does; what came of it. Fails unless it went well."""
        outcome = await self.outcome(name, **asked)
        assert outcome["ok"], outcome["text"]
        return outcome

    async def outcome(self, name: str, **asked: str) -> Json:
        """The same, however it went."""
        answer = await self.http.post(f"/acts/{name}", json=asked)
        assert answer.status_code == httpx.codes.OK, answer.text
        found: Json = answer.json()
        return found

    @asynccontextmanager
    async def open_page(self) -> AsyncIterator[OpenPage]:
        """A page is open while the block runs."""
        page = OpenPage()

        async def read() -> None:
            async with self.http.stream("GET", "/events", timeout=httpx.Timeout(10, read=60)) as answer:
                kind = ""
                async for line in answer.aiter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        await page.add(kind, json.loads(value))

        reading = asyncio.create_task(read())
        try:
            yield page
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@pytest.fixture
async def playground(stack: RealStack) -> AsyncIterator[Playground]:
    """The page's server; at the end, all is undone."""
    base = stack.stack.url("playground")
    async with httpx.AsyncClient(base_url=base, timeout=_ACT_SECONDS, trust_env=False) as http:
        yield Playground(http)
        undone = await Playground(http).outcome("undo")
        assert undone["ok"], undone["text"]
