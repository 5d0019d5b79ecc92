"""The web server: files, pages, caching, compression, and reports of violations."""

import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import cramjam
import pytest
import structlog
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import REGISTRY

from web.files import NoApp, read
from web.server import Site, application

SCRIPT = "console.log('argosy');\n" * 50
PAGE = "<!doctype html><title>Argosy</title>" + " " * 500
Browser = TestClient[web.Request, web.Application]
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A small built app."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "main-ABC.js").write_text(SCRIPT)
    (tmp_path / "assets" / "logo-ABC.png").write_bytes(b"\x89PNG" + bytes(500))
    return tmp_path


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[Browser]:
    async with TestClient(TestServer(application(Site(dist))), auto_decompress=False) as client:
        yield client


async def ask(client: Browser, path: str, method: str = "GET", **headers: str) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, path, headers={"Accept-Encoding": "identity", **named})


async def test_a_file_that_is_named_by_its_content_is_kept_for_ever(client: Browser) -> None:
    answer = await ask(client, "/assets/main-ABC.js")
    assert (answer.status, await answer.text()) == (200, SCRIPT)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/index.html", "/favicon.svg"])
async def test_another_file_is_asked_for_again(client: Browser, path: str) -> None:
    answer = await ask(client, path)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["/orders/17", "/sign-in?next=/basket", "/a/b/c"])
async def test_a_path_of_the_app_is_its_page(client: Browser, path: str) -> None:
    answer = await ask(client, path, **HTML)
    assert (answer.status, await answer.text()) == (200, PAGE)


@pytest.mark.parametrize("path", ["/assets/main-OLD.js", "/orders/17", "/../secret", "/assets/..%2f..%2fsecret"])
async def test_what_is_no_file_is_none_for_a_script(client: Browser, path: str) -> None:
    answer = await ask(client, path, Accept="*/*")
    assert answer.status == 404
    assert (await answer.json())["details"][0]["reason"] == "NO_SUCH_FILE"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_page_runs_nothing_that_is_not_from_here(client: Browser) -> None:
    headers = (await ask(client, "/")).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert {policy[kind] for kind in ("script-src", "style-src", "img-src", "connect-src", "form-action")} == {"'self'"}
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert policy["report-uri"] == "/csp-reports"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def unpacked(body: bytes, encoding: str | None) -> bytes:
    if encoding == "br":
        return bytes(cramjam.brotli.decompress(body))
    return gzip.decompress(body) if encoding else body


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
        ("zstd", None),
    ],
)
async def test_a_file_is_sent_as_small_as_the_client_accepts(
    client: Browser,
    accepted: str,
    encoding: str | None,
) -> None:
    answer = await ask(client, "/assets/main-ABC.js", **{"Accept-Encoding": accepted})
    body = await answer.read()
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert unpacked(body, encoding) == SCRIPT.encode()
    assert encoding is None or len(body) < len(SCRIPT)


async def test_a_picture_is_not_compressed_again(client: Browser) -> None:
    answer = await ask(client, "/assets/logo-ABC.png", **{"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip"])
@pytest.mark.parametrize("path", ["/", "/assets/main-ABC.js"])
async def test_a_client_with_the_same_copy_gets_no_body(client: Browser, path: str, accepted: str) -> None:
    first = await ask(client, path, **{"Accept-Encoding": accepted})
    etag = first.headers["ETag"]
    again = await ask(client, path, **{"Accept-Encoding": accepted, "If-None-Match": f'"other", W/{etag}'})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", etag)
    other = await ask(client, path, **{"Accept-Encoding": accepted, "If-None-Match": '"other"'})
    assert other.status == 200


async def test_each_form_has_a_tag_of_its_own(client: Browser) -> None:
    answers = [await ask(client, "/", **{"Accept-Encoding": accepted}) for accepted in ("identity", "br", "gzip")]
    assert len({answer.headers["ETag"] for answer in answers}) == len(answers)


async def test_head_answers_like_get_without_the_body(client: Browser) -> None:
    get, head = await ask(client, "/"), await ask(client, "/", "HEAD")
    assert await head.read() == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Content-Security-Policy"):
        assert head.headers[name] == get.headers[name]


async def test_a_new_build_is_served_without_a_restart(client: Browser, dist: Path) -> None:
    (dist / "assets" / "main-NEW.js").write_text("new")
    (dist / "index.html").write_text("<title>new</title>")
    os.utime(dist / "index.html", ns=(1, 1))
    assert await (await ask(client, "/checkout", **HTML)).text() == "<title>new</title>"
    assert await (await ask(client, "/assets/main-NEW.js")).text() == "new"


async def test_pages_stay_while_a_build_is_under_way(client: Browser, dist: Path) -> None:
    (dist / "index.html").unlink()
    assert await (await ask(client, "/", **HTML)).text() == PAGE


def test_a_directory_without_an_app_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoApp, match="make setup"):
        read(tmp_path)


def violations(directive: str) -> float:
    name = "argosy_web_policy_violations_total"
    return REGISTRY.get_sample_value(name, {"directive": directive}) or 0.0


@pytest.mark.parametrize(
    ("blocked", "shown"),
    [("https://user:pw@evil.example:8443/x.js?key=secret", "https://evil.example/x.js"), ("inline", "inline")],
)
async def test_a_violation_is_logged_and_counted_without_secrets(client: Browser, blocked: str, shown: str) -> None:
    before = violations("script-src-elem")
    report = {
        "document-uri": "http://shop.example/reset?token=secret#mail",
        "effective-directive": "script-src-elem",
        "blocked-uri": blocked,
        "source-file": "http://shop.example/assets/main-ABC.js?secret",
    }
    with structlog.testing.capture_logs() as lines:
        answer = await client.post("/csp-reports", data=json.dumps({"csp-report": report}))
    assert answer.status == 204
    (line,) = lines
    assert line["directive"] == "script-src-elem"
    assert line["page"] == "http://shop.example/reset"
    assert line["blocked"] == shown
    assert "secret" not in str(line)
    assert violations("script-src-elem") == before + 1


async def test_an_invented_directive_makes_no_series_of_its_own(client: Browser) -> None:
    before = violations("other")
    body = json.dumps({"csp-report": {"effective-directive": "x" * 1000}})
    assert (await client.post("/csp-reports", data=body)).status == 204
    assert violations("other") == before + 1


@pytest.mark.parametrize("body", [b"", b"{}", b"[1", b"\xff", b"[" * 10_000, b'"text"'])
async def test_what_is_no_report_is_refused(client: Browser, body: bytes) -> None:
    assert (await client.post("/csp-reports", data=body)).status == 400


async def test_a_large_report_is_refused(client: Browser) -> None:
    assert (await client.post("/csp-reports", data=b" " * 20_000)).status == 413
