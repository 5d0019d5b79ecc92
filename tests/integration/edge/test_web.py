"""The web app behind the edge: what is a page, what is a file, and what stays the API's."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from local.ports import free_port
from tests.integration.edge.harness import Edge, Upstream, edge, environment, error_of
from tests.integration.edge.web_server import PAGE, SCRIPT, build, web_server

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
GET_PRODUCT = "/argosy.inventory.v1.ProductService/GetProduct"


@pytest.fixture(scope="module")
async def shop_edge(
    ports: dict[str, int], jwks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    """An edge with a web app behind it."""
    folder = tmp_path_factory.mktemp("web")
    async with web_server(build(folder / "dist"), folder / "web.log") as target:
        settings = environment(ports, jwks_url, RATE_LIMIT_MULTIPLIER="1000", WEB_TARGET=target)
        async with edge(settings, folder / "edge.log", without=("notification",)) as running:
            yield running


@pytest.fixture
async def browser(shop_edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with shop_edge.client() as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/orders/17", "/sign-in?next=%2Fbasket", "/a/b.c/d"])
async def test_a_browser_gets_the_app_at_each_of_its_paths(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path, headers=HTML)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-cache"


async def test_curl_gets_the_app_at_the_root(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/", headers={"Accept": "*/*"})).text == PAGE


async def test_files_come_compressed_and_are_kept(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/assets/main-ABC.js", headers={"Accept-Encoding": "gzip"})
    assert (answer.text, answer.headers["content-encoding"]) == (SCRIPT, "gzip")
    assert "immutable" in answer.headers["cache-control"]
    assert (await browser.get("/favicon.svg")).text == "<svg/>"


@pytest.mark.parametrize("path", ["/", "/orders/17", "/assets/main-ABC.js"])
async def test_head_and_conditional_requests_work(browser: httpx.AsyncClient, path: str) -> None:
    get = await browser.get(path, headers=HTML)
    head = await browser.head(path, headers=HTML)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", get.headers["etag"])
    again = await browser.get(path, headers={**HTML, "If-None-Match": get.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1/nothing", "/docs/nothing", "/.well-known/nothing"])
async def test_an_unknown_path_of_the_api_stays_an_error_for_browsers_too(
    browser: httpx.AsyncClient, upstream: Upstream, path: str
) -> None:
    answer = await browser.get(path, headers=HTML)
    assert answer.status_code == 404
    assert error_of(answer) == (5, "NO_SUCH_ROUTE")
    assert not upstream.calls


@pytest.mark.parametrize("path", ["/orders/17", "/orders.json/17"])
async def test_what_is_no_file_is_an_error_for_scripts(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path, headers={"Accept": "*/*"})
    assert answer.status_code == 404
    assert error_of(answer) == (5, "NO_SUCH_ROUTE")


@pytest.mark.parametrize("path", ["/assets/main-OLD.js", "/robots.txt"])
async def test_a_missing_file_is_an_error_of_the_same_form(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert error_of(answer) == (5, "NO_SUCH_FILE")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/orders/17", "/assets/main-ABC.js"])
async def test_the_app_is_only_read(browser: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await browser.request(method, path, headers=HTML, json={})
    assert answer.status_code == 404
    assert error_of(answer) == (5, "NO_SUCH_ROUTE")


async def test_the_api_and_its_documents_are_where_they_were(browser: httpx.AsyncClient, upstream: Upstream) -> None:
    assert (await browser.get("/api/v1/products/prod-123", headers=HTML)).status_code == 200
    assert [call.path for call in upstream.calls] == [GET_PRODUCT]
    for path, kind in {
        "/docs": "text/html",
        "/openapi.json": "application/json",
        "/healthz": "",
        "/": "text/html",
    }.items():
        answer = await browser.get(path, headers=HTML)
        assert answer.status_code == 200
        assert answer.headers.get("content-type", "").startswith(kind)
    assert "swagger" in (await browser.get("/docs", headers=HTML)).text
    assert (await browser.get("/.well-known/jwks.json", headers=HTML)).json()["keys"]


async def test_a_browser_can_report_violations(browser: httpx.AsyncClient) -> None:
    report = {"csp-report": {"effective-directive": "script-src"}}
    assert (await browser.post("/csp-reports", json=report)).status_code == 204
    large = await browser.post("/csp-reports", content=b" " * 20_000)
    assert (large.status_code, error_of(large)) == (413, (3, "BODY_TOO_LARGE"))


async def test_an_asset_of_one_instance_is_found_among_all(
    ports: dict[str, int], jwks_url: str, tmp_path: Path, log: Path
) -> None:
    """During a deployment the page of the new version loads files that old instances do not have."""
    old, new = build(tmp_path / "old"), build(tmp_path / "new", "main-NEW.js")
    async with web_server(old, tmp_path / "old.log") as one, web_server(new, tmp_path / "new.log") as other:
        settings = environment(ports, jwks_url, RATE_LIMIT_MULTIPLIER="1000", WEB_TARGET=f"{one},{other}")
        async with edge(settings, log, without=("notification",)) as running, running.client() as client:
            for script in ("main-NEW.js", "main-ABC.js"):
                answers = [await client.get(f"/assets/{script}") for _ in range(20)]
                assert {answer.status_code for answer in answers} == {200}


async def test_without_the_web_server_the_api_works(
    ports: dict[str, int], jwks_url: str, upstream: Upstream, log: Path
) -> None:
    settings = environment(ports, jwks_url, WEB_TARGET=f"127.0.0.1:{free_port()}")
    async with edge(settings, log, without=("notification",)) as running, running.client() as client:
        page = await client.get("/", headers=HTML)
        assert (page.status_code, error_of(page)) == (503, (14, "UNAVAILABLE"))
        assert (await client.get("/api/v1/products/prod-123")).status_code == 200


async def test_an_edge_without_a_web_app_has_none_of_its_paths(client: httpx.AsyncClient) -> None:
    for path in ("/", "/assets/main-ABC.js", "/orders/17"):
        assert error_of(await client.get(path, headers=HTML)) == (5, "NO_SUCH_ROUTE")
