"""What becomes of answers of Stripe that do not arrive whole, or lead elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.payment.adapters.stripe.client import Silent, StripeProvider
from services.payment.ports import OutcomeUnknown

ALL_TRIES = 3
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
ELSEWHERE = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def stripe_that_answers(raw: bytes) -> AsyncIterator[tuple[StripeProvider, list[bytes]]]:
    """A provider whose Stripe answers each request with these bytes and hangs up; and the requests (first lines)."""
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.write(raw)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    provider = StripeProvider(SecretStr("sk_test_1"), f"http://{host}:{port}", timeout=5)
    await provider.start()
    try:
        yield provider, requests
    finally:
        await provider.stop()
        server.close()


async def test_an_answer_that_is_cut_off_is_none_and_asked_for_again() -> None:
    async with stripe_that_answers(CUT_OFF) as (provider, requests):
        with pytest.raises(Silent):
            await provider.look_up("pi_1")
    assert len(requests) == ALL_TRIES


async def test_a_redirect_is_not_followed() -> None:
    """The key would go with it."""
    async with stripe_that_answers(ELSEWHERE) as (provider, requests):
        with pytest.raises(OutcomeUnknown):
            await provider.look_up("pi_1")
    assert all(b"/v1/payment_intents/pi_1" in request for request in requests)


@pytest.mark.parametrize(("bypassed", "asked"), [("", b"GET http://127.0.0.2/v1/"), ("127.0.0.2", None)])
async def test_a_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bypassed: str, asked: bytes | None
) -> None:
    """Also where a .netrc names the host, whose words would take the place of the key."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.2 login somebody password else")
    async with stripe_that_answers(CUT_OFF) as (proxy, requests):
        for name, value in (
            ("http_proxy", proxy._api_url),
            ("no_proxy", bypassed),
            ("NETRC", str(tmp_path / ".netrc")),
        ):
            monkeypatch.setenv(name, value)
        provider = StripeProvider(SecretStr("sk_test_1"), "http://127.0.0.2", timeout=1)
        await provider.start()
        with pytest.raises(Silent):
            await provider.look_up("pi_1")
        await provider.stop()
    assert [request[:24] for request in requests] == ([asked] * ALL_TRIES if asked else [])
