"""Which requests the page's server answers."""

from collections.abc import Mapping

import httpx
import pytest

from playground.guard import refusal

PORT = 11090
OURS = {"Host": "127.0.0.1:11090"}
JSON = {"Content-Type": "application/json"}


def status(method: str, headers: Mapping[str, str]) -> int:
    found = refusal(method, httpx.Headers(headers), PORT)
    return found.status if found else 200


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", OURS, 200),
        ("GET", {"Host": "localhost:11090"}, 200),
        ("GET", {"Host": "LOCALHOST:11090"}, 200),
        ("GET", {}, 421),
        ("GET", {"Host": "127.0.0.1"}, 421),
        ("GET", {"Host": "127.0.0.1:8080"}, 421),
        ("GET", {"Host": "rebound.example:11090"}, 421),
        ("GET", {**OURS, "Origin": "http://127.0.0.1:11090"}, 200),
        ("GET", {**OURS, "Origin": "http://localhost:11090"}, 200),
        ("GET", {**OURS, "Origin": "http://127.0.0.1:8080"}, 403),
        ("GET", {**OURS, "Origin": "https://127.0.0.1:11090"}, 403),
        ("GET", {**OURS, "Origin": "null"}, 403),
        ("GET", {**OURS, "Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", {**OURS, "Sec-Fetch-Site": "same-site"}, 403),
        ("GET", {**OURS, "Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {**OURS, **JSON}, 200),
        ("POST", {**OURS, "Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", OURS, 415),
        ("POST", {**OURS, "Content-Type": "text/plain"}, 415),
        ("POST", {**OURS, **JSON, "Origin": "https://other.example"}, 403),
        ("PUT", {**OURS, **JSON}, 405),
        ("OPTIONS", OURS, 405),
    ],
)
def test_only_this_page_on_this_machine_is_answered(method: str, headers: Mapping[str, str], expected: int) -> None:
    assert status(method, headers) == expected
