"""A browser signs in, buys and signs out, and no script of a page sees a token. Over the real edge and user service."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tests.support.real_stack import RealStack
from tests.support.shop import Json, Shop, a_person, an_order, answered, insist, until

COOKIE = "session"
PAGE = {"X-Session": "cookie", "Sec-Fetch-Site": "same-origin"}
"""What a page of the app sends with each call."""
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")

Opened = Callable[[], httpx.AsyncClient]


@pytest.fixture
async def browser(stack: RealStack) -> AsyncIterator[Opened]:
    """Opens browsers: each keeps its own cookies."""
    opened: list[httpx.AsyncClient] = []

    def another() -> httpx.AsyncClient:
        opened.append(httpx.AsyncClient(base_url=stack.edge_url, headers=PAGE, timeout=60))
        return opened[-1]

    yield another
    for one in opened:
        await one.aclose()


async def sign_up(page: httpx.AsyncClient) -> Json:
    """Somebody new, whose session is in the browser's cookie. Gives what they typed."""
    person, key = a_person(), str(uuid.uuid4())
    answer = await insist(
        lambda: page.post("/api/v1/users/register", json=person, headers={"Idempotency-Key": key}), 201
    )
    assert not _JWT.search(str(answer))
    return {**person, "id": answer["user"]["id"]}


async def sign_in(page: httpx.AsyncClient, person: Json) -> None:
    body = {name: person[name] for name in ("email", "password")}
    answer = await insist(lambda: page.post("/api/v1/users/login", json=body), 200)
    assert not _JWT.search(str(answer))


async def whoever(page: httpx.AsyncClient) -> httpx.Response:
    return await page.get("/api/v1/users/me")


async def test_a_browser_signs_up_buys_and_signs_out(browser: Opened, shop: Shop) -> None:
    page = browser()
    person = await sign_up(page)
    assert answered(await whoever(page), 200)["id"] == person["id"]
    key = str(uuid.uuid4())
    order = await insist(lambda: page.post("/api/v1/orders", json=an_order(), headers={"Idempotency-Key": key}), 201)
    assert order["userId"] == person["id"]
    kept = page.cookies[COOKIE]
    assert answered(await page.post("/api/v1/users/logout", json={}), 200) == {}
    assert COOKIE not in page.cookies
    assert (await whoever(page)).status_code == 401

    async def refused() -> bool:
        return (await shop.call("GET", "/users/me", token=kept)).status_code == 401

    await until(refused, bool, "the signed-out token is refused")


async def test_a_session_that_ended_elsewhere_leaves_the_browser(browser: Opened) -> None:
    here, elsewhere = browser(), browser()
    person = await sign_up(here)
    await sign_in(elsewhere, person)
    body = {"oldPassword": person["password"], "newPassword": "another horse"}
    await insist(lambda: elsewhere.post("/api/v1/users/me/password", json=body), 200)

    async def signed_out() -> bool:
        return (await whoever(here)).status_code == 401

    await until(signed_out, bool, "the other browser is signed out")
    assert COOKIE not in here.cookies
    assert answered(await whoever(elsewhere), 200)["id"] == person["id"]
    await sign_in(here, {**person, "password": "another horse"})
    assert answered(await whoever(here), 200)["id"] == person["id"]


@pytest.mark.parametrize(
    "headers", [{"X-Session": ""}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_a_form_of_another_page_orders_nothing(browser: Opened, headers: dict[str, str]) -> None:
    page = browser()
    await sign_up(page)

    async def orders() -> list[Json]:
        found: list[Json] = answered(await page.get("/api/v1/orders"), 200)["orders"]
        return found

    forged = await page.post("/api/v1/orders", json=an_order(), headers={"Idempotency-Key": "forged", **headers})
    assert forged.status_code == 401
    assert await orders() == []


async def test_a_wrong_password_leaves_no_cookie(browser: Opened) -> None:
    page = browser()
    person = await sign_up(page)
    page.cookies.clear()
    wrong = {"email": person["email"], "password": "wrong horse"}
    refused = await insist(lambda: page.post("/api/v1/users/login", json=wrong), 401)
    assert refused["details"]
    assert COOKIE not in page.cookies


async def test_the_page_and_what_it_loads_come_from_the_edge(browser: Opened) -> None:
    page = browser()
    answer = await page.get("/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assets = [path for path in loaded if path.startswith("/assets/")]
    assert assets
    assert not [path for path in loaded if not path.startswith("/")]
    for path in assets:
        found = await page.get(path)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
