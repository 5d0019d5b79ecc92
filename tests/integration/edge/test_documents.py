"""The document of the interface and the page that shows it: from the edge itself, without another host."""

import re
from pathlib import Path

import httpx
import pytest

from tests.integration.edge.harness import ROOT, Upstream, error_of

OPENAPI = ROOT / "generated" / "openapi" / "openapi.json"
PAGE = ROOT / "envoy" / "docs"


async def test_the_document_is_served_as_it_was_generated(client: httpx.AsyncClient, upstream: Upstream) -> None:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-service-name"] == "api-gateway"
    assert answer.content == OPENAPI.read_bytes()
    assert not upstream.calls


async def test_the_page_and_all_that_it_needs_come_from_here(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs?payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_2")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    needed = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert {one for one in needed if not one.startswith("data:")} == {
        "/docs/swagger-ui.css",
        "/docs/page.css",
        "/docs/swagger-ui-bundle.js",
        "/docs/start.js",
        "/openapi.json",
    }
    for path in needed:
        if not path.startswith("data:"):
            found = await client.get(path)
            assert found.status_code == 200
            assert found.content
            kind = {"css": "text/css", "js": "text/javascript", "json": "application/json"}[path.rpartition(".")[2]]
            assert found.headers["content-type"].startswith(kind)


async def test_a_browser_is_told_to_ask_nobody_else(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert (allowed["script-src"], allowed["connect-src"]) == ("'self'", "'self'")
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: str(file.name))
def test_the_page_names_no_other_host(file: Path) -> None:
    assert not re.search(r"(https?:)?//[a-z]+\.", file.read_text())


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/start.js"])
async def test_they_can_be_read_alone(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json={})
    assert answer.status_code == 404
    assert error_of(answer) == (5, "NO_SUCH_ROUTE")


async def test_no_other_file_is_to_be_had(client: httpx.AsyncClient) -> None:
    for path in ("/docs/index.html", "/docs/../edge.yaml", "/docs/%2e%2e/edge.yaml", "/docs/swagger-ui.css.map"):
        assert (await client.get(path)).status_code in (400, 404)
