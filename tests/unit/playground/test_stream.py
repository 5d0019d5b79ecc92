"""What open pages receive, and what runs only while one is open."""

import asyncio
from functools import partial

import pytest

from playground.orders import Orders
from playground.stream import Message, Stream


async def test_a_page_that_opens_later_receives_what_is_kept_and_nothing_else() -> None:
    stream = Stream()
    stream.publish("parts", {"kafka": "ready"}, keep=True)
    stream.publish("parts", {"kafka": "stopped"}, keep=True)
    stream.publish("spark", 1)
    async with stream.reading() as reader:
        stream.publish("spark", 2)
        assert [reader.get_nowait(), reader.get_nowait()] == [
            Message("parts", {"kafka": "stopped"}),
            Message("spark", 2),
        ]
        assert reader.empty()


async def test_watchers_run_only_while_a_page_is_open() -> None:
    running = 0

    async def watcher() -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    stream = Stream()
    stream.watch_with(watcher)
    await asyncio.sleep(0)
    assert running == 0
    async with stream.reading():
        async with stream.reading():
            await asyncio.sleep(0)
            assert running == 1
        assert running == 1
    assert running == 0


async def test_a_watcher_that_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.stream._PAUSE_SECONDS", 0.0)
    stream = Stream()
    begun = 0

    async def failing(_: str) -> None:
        nonlocal begun
        begun += 1
        stream.publish("spark", begun)
        raise OSError("away")

    stream.watch_with(partial(failing, "as most watchers are"))
    async with stream.reading() as reader:
        assert [await reader.get(), await reader.get()] == [Message("spark", 1), Message("spark", 2)]


async def test_a_page_that_is_far_behind_is_let_go() -> None:
    stream = Stream()
    async with stream.reading() as reader:
        for number in range(5_000):
            stream.publish("spark", number)
        stream.publish("spark", "one more")
        assert reader.get_nowait() is None
        assert reader.empty()


async def test_closing_ends_every_page() -> None:
    stream = Stream()
    async with stream.reading() as reader:
        await stream.close()
        assert reader.get_nowait() is None


async def test_a_new_order_is_chosen_unless_one_is_pinned() -> None:
    orders = Orders(Stream())
    orders.seen("one", "pending")
    assert orders.chosen == "one"
    orders.seen("two", "pending")
    assert orders.chosen == "two"
    orders.choose("one", pin=True)
    orders.seen("three", "pending")
    assert orders.chosen == "one"
