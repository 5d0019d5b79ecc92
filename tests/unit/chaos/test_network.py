"""A link passes bytes on, is cut, is slow, or takes bytes and passes none on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from local.ports import free_port
from tests.chaos.network import Link, State


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """In front of a server that echoes everything."""

    talks: list[asyncio.Task[None]] = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.create_task(echo(reader, writer)))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                writer.write(data)
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    behind = await asyncio.start_server(take, "127.0.0.1", 0)
    link = Link("a-b", free_port(), [behind.sockets[0].getsockname()[1]])
    await link.start()
    yield link
    await link.stop()
    behind.close()
    await behind.wait_closed()
    await asyncio.gather(*talks, return_exceptions=True)


async def echoed(link: Link, text: bytes = b"hello") -> bytes:
    """What comes back; b"" from a connection that ended. Raises TimeoutError when nothing comes for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.listen)
    try:
        writer.write(text)
        async with asyncio.timeout(0.5):
            return await reader.read(100)
    except ConnectionError:
        return b""
    finally:
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()


async def test_a_whole_link_passes_bytes_both_ways(link: Link) -> None:
    assert await echoed(link) == b"hello"


async def test_a_cut_link_resets_what_is_open_and_what_comes(link: Link) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.listen)
    writer.write(b"before")
    assert await reader.read(100) == b"before"
    link.become(State.CUT)
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    with contextlib.suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()
    assert await echoed(link) == b""
    link.become(State.WHOLE)
    assert await echoed(link) == b"hello"


async def test_a_half_open_link_takes_bytes_and_answers_nothing(link: Link) -> None:
    link.become(State.HALF_OPEN)
    with pytest.raises(TimeoutError):
        await echoed(link)
    link.become(State.WHOLE)
    assert await echoed(link) == b"hello"


async def test_a_slow_link_passes_everything_on_in_order(link: Link) -> None:
    link.become(State.SLOW, 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", link.listen)
    for number in range(5):
        writer.write(bytes([number]))
        await writer.drain()
    assert await reader.readexactly(5) == bytes(range(5))
    writer.close()
    await writer.wait_closed()


async def test_a_link_passes_by_an_instance_that_is_away(link: Link) -> None:
    link.targets = [free_port(), *link.targets]
    assert [await echoed(link) for _ in range(4)] == [b"hello"] * 4


async def test_a_part_that_is_away_ends_the_callers_connection() -> None:
    link = Link("a-nobody", free_port(), [free_port(), free_port()])
    await link.start()
    assert await echoed(link) == b""
    await link.stop()
