"""The documents of calls and events and the pages that show them: from the edge itself, without another host."""

import re
from pathlib import Path

import httpx
import pytest

from tests.integration.edge.harness import ROOT, Upstream, error_of

GENERATED = ROOT / "generated"
PAGE = ROOT / "envoy" / "docs"


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_a_document_is_served_as_it_was_generated(
    client: httpx.AsyncClient, upstream: Upstream, name: str
) -> None:
    answer = await client.get(f"/{name}.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-service-name"] == "api-gateway"
    assert answer.content == (GENERATED / name / f"{name}.json").read_bytes()
    assert not upstream.calls


@pytest.mark.parametrize(
    ("page", "files"),
    [
        ("/docs", {"/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js", "/openapi.json"}),
        ("/docs/events", {"/docs/events.js", "/asyncapi.json"}),
    ],
)
async def test_a_page_and_all_that_it_needs_come_from_here(
    client: httpx.AsyncClient, page: str, files: set[str]
) -> None:
    answer = await client.get(f"{page}?payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_2")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    needed = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert {one for one in needed if not one.startswith("data:")} == {"/docs", "/docs/events", "/docs/page.css", *files}
    for path in needed:
        if not path.startswith("data:"):
            found = await client.get(path)
            assert found.status_code == 200
            assert found.content
            kinds = {"css": "text/css", "js": "text/javascript", "json": "application/json"}
            kind = kinds.get(path.rpartition(".")[2], "text/html")
            assert found.headers["content-type"].startswith(kind)
            assert kind == "application/json" or found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("page", ["/docs", "/docs/events"])
async def test_the_content_security_policy_allows_no_other_origin(client: httpx.AsyncClient, page: str) -> None:
    policy = (await client.get(page)).headers["content-security-policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert (allowed["script-src"], allowed["connect-src"]) == ("'self'", "'self'")
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: str(file.name))
def test_the_page_names_no_other_host(file: Path) -> None:
    assert not re.search(r"(https?:)?//[a-z]+\.", file.read_text())


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/docs/events", "/docs/start.js"])
async def test_they_can_be_read_alone(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json={})
    assert answer.status_code == 404
    assert error_of(answer) == (5, "NO_SUCH_ROUTE")


async def test_no_other_file_is_served(client: httpx.AsyncClient) -> None:
    for path in (
        "/docs/index.html",
        "/docs/events.html",
        "/docs/../edge.yaml",
        "/docs/%2e%2e/edge.yaml",
        "/docs/swagger-ui.css.map",
        "/docs/swagger-ui.css/../index.html",
        "/docs/oauth2-redirect.html",
    ):
        assert (await client.get(path)).status_code in (400, 404)
