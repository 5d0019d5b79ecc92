"""gRPC-Web: what a browser's client does, preflight and all.

Streams are in test_streams.py, a whole purchase by a client that others wrote in tests/e2e/test_other_languages.py.
"""

from __future__ import annotations

import base64
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from argosy.order.v1 import order_pb2
from tests.integration.edge.grpc_web import GRPC_WEB, framed, frames_of, status_of
from tests.integration.edge.harness import Context, Issuer, Upstream
from tests.integration.edge.test_rest import GET_ORDER, out_of_stock
from tests.integration.edge.test_streams import WATCH_ORDER

ORIGIN = "https://myapp.com"
REQUEST = order_pb2.GetOrderRequest(id="o-1")
# What the clients of grpc-web and connect send beside the token.
BROWSER = {"content-type": GRPC_WEB, "x-grpc-web": "1", "x-user-agent": "grpc-web-javascript/0.1", "origin": ORIGIN}


async def an_order(_: Any, __: Context) -> Message:
    return order_pb2.Order(id="o-1", status="pending")


@pytest.mark.parametrize("path", [GET_ORDER, WATCH_ORDER])
async def test_a_browser_may_ask_first(client: httpx.AsyncClient, upstream: Upstream, path: str) -> None:
    wanted = {"authorization", "content-type", "grpc-timeout", "idempotency-key", "x-grpc-web", "x-user-agent"}
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": ",".join(sorted(wanted)),
    }
    answer = await client.options(path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].lower().split(",")}
    assert allowed >= wanted
    stranger = await client.options(path, headers={**asked, "origin": "https://evil.example"})
    assert not [name for name in stranger.headers if name.startswith("access-control-")]
    assert not upstream.calls


async def test_a_call_and_its_answer(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    upstream.answer(GET_ORDER, an_order)
    answer = await client.post(GET_ORDER, content=framed(REQUEST), headers={**issuer.bearer(), **BROWSER})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/grpc-web")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].lower().split(",")}
    assert exposed >= {"grpc-status", "grpc-message", "grpc-status-details-bin"}
    (message,), trailers = frames_of(answer.content)
    assert order_pb2.Order.FromString(message).id == "o-1"
    assert trailers["grpc-status"] == "0"


async def test_as_text_for_clients_that_know_no_bytes(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer
) -> None:
    upstream.answer(GET_ORDER, an_order)
    text = {"content-type": "application/grpc-web-text", "accept": "application/grpc-web-text"}
    answer = await client.post(
        GET_ORDER, content=base64.b64encode(framed(REQUEST)), headers={**issuer.bearer(), **BROWSER, **text}
    )
    (message,), trailers = frames_of(unpadded(answer.content))
    assert order_pb2.Order.FromString(message).id == "o-1"
    assert trailers["grpc-status"] == "0"


def unpadded(text: bytes) -> bytes:
    """Base64 in pieces, each with its own padding."""
    pieces = text.replace(b"=", b"= ").replace(b"= =", b"==").split()
    return b"".join(base64.b64decode(piece) for piece in pieces)


async def test_an_error_keeps_its_details(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    upstream.answer(GET_ORDER, out_of_stock)
    answer = await client.post(GET_ORDER, content=framed(REQUEST), headers={**issuer.bearer(), **BROWSER})
    assert status_of(answer) == code_pb2.FAILED_PRECONDITION
    _, trailers = frames_of(answer.content)
    details = {**answer.headers, **trailers}["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    assert (status.message, len(status.details)) == ("not enough stock", 2)


async def test_an_unauthenticated_answer_has_cors_headers(client: httpx.AsyncClient, upstream: Upstream) -> None:
    answer = await client.post(GET_ORDER, content=framed(REQUEST), headers=BROWSER)
    assert status_of(answer) == code_pb2.UNAUTHENTICATED
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert not upstream.calls


async def test_internal_rpcs_are_not_there(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer) -> None:
    path = "/argosy.inventory.v1.ReservationService/ReserveStock"
    answer = await client.post(path, content=framed(REQUEST), headers={**issuer.bearer(), **BROWSER})
    assert status_of(answer) == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert not upstream.calls
