"""What the page's server answers, and to whom."""

from __future__ import annotations

import httpx
import pytest

from playground.server import PAGE
from tests.integration.playground.conftest import Playground

LARGEST_PAGE = 150_000


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "rebound.example"}, 421),
        ({"Origin": "https://other.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_pages_of_other_sites_are_refused(playground: Playground, headers: dict[str, str], expected: int) -> None:
    for path in ("/", "/events", "/plan"):
        assert (await playground.http.get(path, headers=headers)).status_code == expected
    answer = await playground.http.post("/acts/undo", json={}, headers=headers)
    assert answer.status_code == expected


async def test_only_a_post_with_json_changes_anything(playground: Playground) -> None:
    assert (await playground.http.get("/acts/undo")).status_code == 405
    assert (await playground.http.post("/acts/undo", data={"part": "kafka"})).status_code == 415
    assert (await playground.http.post("/acts/undo", content=b"{}")).status_code == 415


@pytest.mark.parametrize(
    ("path", "body", "expected", "text"),
    [
        ("/acts/format-the-disk", {}, 404, "format-the-disk"),
        ("/acts/stop", {"part": "edge"}, 400, "part must be one of"),
        ("/acts/stop", {}, 400, "part must be one of"),
        ("/acts/kill", {"part": "postgres"}, 400, "part must be one of"),
        ("/acts/buy", {"card": "4242424242424242"}, 400, "card must be one of"),
        ("/acts/poison", {"topic": "__consumer_offsets"}, 400, "topic must be one of"),
        ("/acts/buy", [], 400, "JSON object"),
        ("/orders/x", {}, 400, "order must be"),
    ],
)
async def test_a_bad_request_is_refused_and_says_why(
    playground: Playground, path: str, body: object, expected: int, text: str
) -> None:
    answer = await playground.http.post(path, json=body)
    assert (answer.status_code, text in answer.json()["error"]) == (expected, True)


async def test_the_page_is_small_and_has_a_strict_policy(playground: Playground) -> None:
    answer = await playground.http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    files = [path.name for path in PAGE.iterdir()]
    assert sum([len((await playground.http.get(f"/{name}")).content) for name in files]) < LARGEST_PAGE


async def test_an_open_page_receives_the_state_of_every_part(playground: Playground) -> None:
    async with playground.open_page() as page:
        parts = await page.received("parts", lambda words: set(words.values()) == {"ready"})
        figures = await page.received("figures", bool)
    plan = (await playground.http.get("/plan")).json()
    services = {one["id"] for one in plan["services"]}
    assert {"kafka", "postgres", "ferretdb", "edge", *services} <= parts.keys()
    assert figures.keys() == services


async def test_the_server_answers_on_loopback_alone(playground: Playground) -> None:
    url = playground.http.base_url
    assert url.host == "127.0.0.1"
    with pytest.raises(httpx.ConnectError):
        await playground.http.get(f"http://127.0.0.2:{url.port}/")
