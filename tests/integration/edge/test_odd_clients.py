"""Clients that use HTTP in rare ways: old versions, offers to upgrade, large headers, other spellings, no UTF-8."""

import asyncio
from urllib.parse import quote_from_bytes

import httpx
import pytest
from google.rpc import code_pb2

from tests.integration.edge.harness import Edge, Issuer, Upstream, error_of

LIST_ORDERS = "/argosy.order.v1.OrderService/ListOrders"
LIST_PRODUCTS = "/argosy.inventory.v1.ProductService/ListProducts"


async def first_line(running: Edge, request: str) -> str:
    """The status line of the answer to a request that is sent as it stands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        writer.write(request.encode("latin-1"))
        return (await asyncio.wait_for(reader.readline(), 10)).decode().strip()
    finally:
        writer.close()


NO_TEXT = {
    "half of a surrogate pair": b"a\xed\xa0\x80b",
    "a byte that never occurs": b"\xff",
    "the end is missing": b"\xe2\x82",
    "an overlong slash": b"\xc0\xaf",
    "an overlong euro": b"\xf0\x82\x82\xac",
    "past the last character": b"\xf4\x90\x80\x80",
    "a stray continuation": b"a\x80",
}
TEXT = ["", "plain", "50%", "é", "€", "\ud7ff", "\ue000", "\U0001f600", "\U0010ffff"]


@pytest.mark.parametrize("value", NO_TEXT.values(), ids=list(NO_TEXT))
async def test_a_query_that_is_no_text_names_its_parameter(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, value: bytes
) -> None:
    url = f"/api/v1/orders?pageSize=1&pageToken={quote_from_bytes(value)}"
    answer = await client.get(url, headers=issuer.bearer())
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    (violation,) = answer.json()["details"][1]["fieldViolations"]
    assert violation["field"] == "pageToken"
    assert not upstream.calls


async def test_a_path_that_is_no_text_is_refused(client: httpx.AsyncClient, upstream: Upstream) -> None:
    answer = await client.get("/api/v1/products/a%ED%A0%80b")
    assert answer.status_code == 400
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert not upstream.calls


@pytest.mark.parametrize("text", TEXT)
async def test_all_other_text_passes(client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, text: str) -> None:
    answer = await client.get("/api/v1/orders", params={"pageToken": text}, headers=issuer.bearer())
    assert answer.status_code == 200
    (call,) = upstream.called(LIST_ORDERS)
    assert call.request.page_token == text  # type: ignore[attr-defined]


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer   "])
async def test_the_scheme_of_a_token_has_any_case(
    client: httpx.AsyncClient, upstream: Upstream, issuer: Issuer, scheme: str
) -> None:
    token = issuer.token()
    assert (await client.get("/api/v1/orders", headers={"authorization": scheme + token})).status_code == 200
    assert upstream.called(LIST_ORDERS)[0].metadata["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER "])
async def test_a_bad_token_is_refused_in_any_case(client: httpx.AsyncClient, upstream: Upstream, scheme: str) -> None:
    answer = await client.get("/api/v1/products", headers={"authorization": f"{scheme}hello"})
    assert answer.status_code == 401
    assert not upstream.calls


@pytest.mark.parametrize("protocol", ["TLS/1.2", "h2c", "websocket", "TLS/1.2, h2c"])
async def test_an_offer_to_upgrade_is_ignored(running_edge: Edge, upstream: Upstream, protocol: str) -> None:
    request = f"GET /api/v1/products HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
    assert await first_line(running_edge, request) == "HTTP/1.1 200 OK"
    assert upstream.called(LIST_PRODUCTS)


@pytest.mark.parametrize("host", ["Host: shop\r\n", ""], ids=["with a host", "without"])
async def test_http_1_0_is_spoken(running_edge: Edge, upstream: Upstream, host: str) -> None:
    assert await first_line(running_edge, f"GET /api/v1/products HTTP/1.0\r\n{host}\r\n") == "HTTP/1.0 200 OK"
    assert upstream.called(LIST_PRODUCTS)


@pytest.mark.parametrize("kilobytes", [9, 15, 30])
@pytest.mark.parametrize("name", ["cookie", "x-some-header"])
async def test_headers_below_the_limit_pass_and_cookies_go_no_further(
    client: httpx.AsyncClient, upstream: Upstream, name: str, kilobytes: int
) -> None:
    # gRPC's own limit refuses at random: one call would not show it.
    for _ in range(5):
        answer = await client.get("/api/v1/products", headers={name: "a=" + "x" * 1024 * kilobytes})
        assert answer.status_code == 200
    assert not [call for call in upstream.calls if "cookie" in call.metadata]


@pytest.mark.parametrize("name", ["cookie", "x-some-header"])
async def test_larger_headers_are_431(client: httpx.AsyncClient, upstream: Upstream, name: str) -> None:
    answer = await client.get("/api/v1/products", headers={name: "x" * 1024 * 40})
    assert answer.status_code == 431
    assert error_of(answer) == (code_pb2.INVALID_ARGUMENT, "HEADERS_TOO_LARGE")
    assert not upstream.calls
