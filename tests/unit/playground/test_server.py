"""The page's server, with acts that do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from playground.acts.acting import ActFailed, Acts, Note, Outcome, word
from playground.orders import Orders
from playground.server import Site
from playground.stream import Stream

PORT = 11090
HOST = {"Host": f"127.0.0.1:{PORT}"}
ORDER = "01a2274c-fb85-7000-9535-16b19a70cb5d"


class Given:
    """A server on a free port, and what it publishes."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.orders = Orders(self.stream)
        self.go_on = asyncio.Event()
        acts = {"buy": self.buy, "wait": self.wait, "fail": self.fail, "choose": self.choose}
        self.site = Site(PORT, {"services": []}, self.stream, self.orders, Acts(self.stream, acts))

    async def buy(self, _: Mapping[str, Any], note: Note) -> Outcome:
        note("on it")
        return Outcome("bought", facts={"id": ORDER})

    async def wait(self, _: Mapping[str, Any], __: Note) -> Outcome:
        await self.go_on.wait()
        return Outcome("done")

    async def fail(self, _: Mapping[str, Any], __: Note) -> Outcome:
        raise ActFailed("it did not hold")

    async def choose(self, asked: Mapping[str, Any], _: Note) -> Outcome:
        return Outcome(word(asked, "part", frozenset({"kafka"})))


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
async def page(given: Given) -> AsyncIterator[ClientSession]:
    runner = web.AppRunner(given.site.application(), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (address, *_) = runner.addresses
    try:
        base = f"http://127.0.0.1:{address[1]}"
        async with ClientSession(base, headers=HOST, timeout=ClientTimeout(30)) as session:
            yield session
    finally:
        await runner.cleanup()


async def test_what_a_button_did_is_answered_and_shown_to_every_page(given: Given, page: ClientSession) -> None:
    async with given.stream.reading() as reader:
        async with page.post("/acts/buy", json={}) as answer:
            assert await answer.json() == {"ok": True, "text": "bought", "facts": {"id": ORDER}}
        shown = [reader.get_nowait() for _ in range(2)]
    assert [(one.kind, one.data) for one in shown if one] == [
        ("note", {"act": "buy", "text": "on it"}),
        ("outcome", {"act": "buy", "ok": True, "text": "bought"}),
    ]


async def test_a_failure_is_an_outcome(page: ClientSession) -> None:
    async with page.post("/acts/fail", json={}) as answer:
        assert await answer.json() == {"ok": False, "text": "it did not hold", "facts": {}}


async def test_the_same_act_is_not_begun_twice(given: Given, page: ClientSession) -> None:
    async def wait() -> int:
        async with page.post("/acts/wait", json={}) as answer:
            return answer.status

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    given.go_on.set()
    assert {one.result() for one in done} == {409}
    assert sorted([await first, await second]) == [200, 409]
    assert await wait() == 200


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/acts/unknown", {}, 404),
        ("/acts/choose", {"part": "edge"}, 400),
        ("/acts/choose", {"part": ["kafka"]}, 400),
        ("/acts/choose", {"part": "kafka"}, 200),
        ("/acts/choose", ["kafka"], 400),
        ("/orders/no-id", {}, 400),
        (f"/orders/{ORDER}", {}, 200),
        ("/acts/choose", {"part": "x" * 5_000}, 413),
    ],
)
async def test_requests(page: ClientSession, path: str, body: object, expected: int) -> None:
    async with page.post(path, json=body) as answer:
        assert answer.status == expected


async def test_an_open_page_receives_events_until_the_server_ends(given: Given, page: ClientSession) -> None:
    given.stream.publish("parts", {"kafka": "ready"}, keep=True)
    async with page.get("/events") as answer:
        assert answer.content_type == "text/event-stream"
        assert await answer.content.readuntil(b"\n\n") == b'event: parts\ndata: {"kafka": "ready"}\n\n'
        await given.stream.close()
        assert await answer.content.read() == b""


async def test_the_page_has_a_strict_policy_and_no_inline_script_or_style(page: ClientSession) -> None:
    async with page.get("/") as answer:
        text = await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "<style" not in text
    assert " style=" not in text
    assert "<script>" not in text
    async with page.get("/main.js") as script:
        assert (script.status, script.content_type) == (200, "text/javascript")


@pytest.mark.parametrize("path", ["/", "/events", "/plan", "/main.js", "/health"])
async def test_another_host_is_refused_everywhere(page: ClientSession, path: str) -> None:
    async with page.get(path, headers={"Host": "rebound.example"}) as answer:
        assert answer.status == 421
