"""Browsers of our own apps may call; others' may not read."""

import httpx
import pytest

from tests.integration.edge.harness import Issuer, Upstream

ORIGINS = ["http://localhost:3000", "https://myapp.com"]
STRANGERS = ["https://evil.example", "https://myapp.com.evil.example", "http://myapp.com", "null"]
VERBS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
HEADERS = {
    "accept",
    "accept-version",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "authorization",
    "idempotency-key",
    "x-client-app",
}


def words(value: str) -> set[str]:
    return {word.strip() for word in value.split(",")}


@pytest.mark.parametrize("path", ["/api/v1/orders", "/argosy.order.v1.OrderService/GetOrder"])
@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_preflight_of_our_apps_gets_what_may_be_sent(
    client: httpx.AsyncClient, upstream: Upstream, origin: str, path: str
) -> None:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    answer = await client.options(path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-max-age"] == "3600"
    assert words(answer.headers["access-control-allow-methods"]) == VERBS
    assert words(answer.headers["access-control-allow-headers"].lower()) >= HEADERS
    assert not upstream.calls


@pytest.mark.parametrize("origin", STRANGERS)
async def test_a_strangers_preflight_gets_no_cors_headers(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.options("/api/v1/orders", headers={"origin": origin, "access-control-request-method": "POST"})
    assert answer.status_code == 404
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/api/v1/orders", 200), ("/api/v1/nothing", 404)])
@pytest.mark.parametrize("origin", ORIGINS)
async def test_an_answer_may_be_read_by_ours(
    client: httpx.AsyncClient, issuer: Issuer, origin: str, path: str, status: int
) -> None:
    answer = await client.get(path, headers={**issuer.bearer(), "origin": origin})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == origin
    assert words(answer.headers["access-control-expose-headers"].lower()) >= {"x-auth-token", "retry-after"}


@pytest.mark.parametrize("origin", STRANGERS)
async def test_an_answer_may_not_be_read_by_others(client: httpx.AsyncClient, issuer: Issuer, origin: str) -> None:
    answer = await client.get("/api/v1/orders", headers={**issuer.bearer(), "origin": origin})
    assert "access-control-allow-origin" not in answer.headers
