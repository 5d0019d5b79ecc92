"""Each rpc bounds the size of its requests. The edge keeps the bound before it buffers the body."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from google.rpc import code_pb2

from services.chassis.rpc.contract import REQUEST_BYTES
from tests.integration.edge.harness import ROOT, Edge, Upstream, error_of

LOGIN = "/argosy.user.v1.UserService/Login"
WEBHOOK = "/argosy.payment.v1.PaymentService/HandleStripeWebhook"
SIGNED = {"stripe-signature": "t=1,v1=abc"}
JSON = {"content-type": "application/json"}


def body_of(size: int) -> bytes:
    """A JSON object of so many bytes."""
    body = b'{"email":"' + b"a" * (size - 12) + b'"}'
    assert len(body) == size
    return body


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body whose size a client does not announce."""
    for start in range(0, len(body), 65536):
        yield body[start : start + 65536]


async def answer_to_headers(running: Edge, *lines: str) -> tuple[int, bytes]:
    """Status and body of the answer to a request whose body is announced, but never sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        writer.write("\r\n".join([*lines, "host: shop", "content-type: application/json", "", ""]).encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
        length = re.search(r"content-length: (\d+)", head)
        assert length is not None, head
        return int(head.split()[1]), await reader.readexactly(int(length[1]))
    finally:
        writer.close()


async def test_what_fits_passes(client: httpx.AsyncClient, upstream: Upstream) -> None:
    assert (await client.post("/api/v1/users/login", content=body_of(REQUEST_BYTES))).status_code == 200
    large = await client.post("/api/v1/webhooks/stripe", content=b"x" * 1024 * 1024, headers={**JSON, **SIGNED})
    assert large.status_code == 200
    assert (len(upstream.called(LOGIN)), len(upstream.called(WEBHOOK))) == (1, 1)


@pytest.mark.parametrize("announced", [True, False], ids=["of announced size", "in pieces"])
@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/api/v1/users/login", REQUEST_BYTES + 1),
        ("/api/v1/nothing", REQUEST_BYTES + 1),
        ("/api/v1/webhooks/stripe", 1024 * 1024 + 1),
    ],
)
async def test_what_is_larger_is_413(
    client: httpx.AsyncClient, upstream: Upstream, path: str, size: int, announced: bool
) -> None:
    content = body_of(size) if announced else in_pieces(body_of(size))
    answer = await client.post(path, content=content, headers={**JSON, **SIGNED})
    assert answer.status_code == 413
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "BODY_TOO_LARGE")
    assert not upstream.calls


async def test_an_announced_size_is_refused_before_the_body_comes(running_edge: Edge, upstream: Upstream) -> None:
    status, body = await answer_to_headers(
        running_edge, "POST /api/v1/users/login HTTP/1.1", f"content-length: {REQUEST_BYTES + 1}"
    )
    assert (status, json.loads(body)["details"][0]["reason"]) == (413, "BODY_TOO_LARGE")
    assert not upstream.calls


async def test_an_unsigned_webhook_is_refused_before_its_body_comes(running_edge: Edge, upstream: Upstream) -> None:
    status, body = await answer_to_headers(
        running_edge, "POST /api/v1/webhooks/stripe HTTP/1.1", "content-length: 1000000"
    )
    assert status == 400
    (violation,) = json.loads(body)["details"][1]["fieldViolations"]
    assert violation["field"] == "stripe-signature"
    assert not upstream.calls


def test_the_default_is_the_contracts() -> None:
    script = (ROOT / "envoy" / "headers.lua").read_text(encoding="utf-8")
    filters = (ROOT / "envoy" / "filters.yaml").read_text(encoding="utf-8")
    assert f"local REQUEST_BYTES = {REQUEST_BYTES} " in script
    assert f"max_request_bytes: {REQUEST_BYTES}\n" in filters
