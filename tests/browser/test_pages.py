"""How the pages are: for screen readers, by keyboard, on a phone, in the dark, in another language, and how heavy.

Their pictures are in `.local/screens`, for people.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.support.browser import NO_FUNDS, PHONE, PolicyReports, Visitor
from tests.support.looks import picture, problems
from tests.support.shop import until

FIRST_LOAD_BYTES = 150_000

LONG_TASKS = """
window.ends = [];
const note = (list) => window.ends.push(...list.getEntries().map((task) => task.startTime + task.duration));
new PerformanceObserver(note).observe({ type: "longtask", buffered: true });
"""
TIMES = """() => {
  const painted = performance.getEntriesByName("first-contentful-paint")[0].startTime;
  const { domInteractive } = performance.getEntriesByType("navigation")[0];
  return [painted, Math.max(painted, domInteractive, ...window.ends)];
}"""

PUBLIC = ("/", "/?q=lantern", "/products/prod-123", "/basket", "/sign-in", "/sign-up", "/forgot-password", "/nothing")
PRIVATE = ("/checkout/USD", "/orders", "/account", "/account/security", "/account/messages", "/account/credit")


@dataclass(frozen=True)
class Load:
    """The first load of a page, without anything in the browser's cache."""

    size: float
    """What came over the network, in bytes. A stream does not count."""
    painted: float
    """When the first text or picture is drawn, in milliseconds after the navigation."""
    interactive: float
    """When the last long task ends: from then on a click is answered at once."""

    def __str__(self) -> str:
        return f"{self.size / 1000:.1f} kB, painted {self.painted:.0f} ms, interactive {self.interactive:.0f} ms"


async def first_load(visitor: Visitor, path: str) -> Load:
    """Load a page in a tab of its own."""
    tab = await visitor.another_tab()
    client = await tab.context.new_cdp_session(tab.page)
    await client.send("Network.enable")
    await client.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await tab.page.add_init_script(LONG_TASKS)
    await tab.go(path)
    await tab.settle()
    painted, interactive = await tab.page.evaluate(TIMES)
    await tab.page.close()
    return Load(sum(sizes), painted, interactive)


def name_of(path: str) -> str:
    return path.strip("/").partition("?")[0].replace("/", "-") or ("search" if "?" in path else "catalog")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE["width"]])
async def test_pages_look_right(open_window: Open, scheme: str, width: int) -> None:
    visitor = await open_window(
        bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    found: dict[str, Any] = {}

    async def look(name: str) -> None:
        await visitor.settle()
        await picture(visitor.page, f"{name}-{scheme}-{width}")
        if wrong := await problems(visitor.page):
            found[name] = wrong

    for path in PUBLIC:
        await visitor.go(path)
        await look(name_of(path))
    await visitor.sign_up()
    await visitor.put_in("Storm lantern")
    await visitor.put_in()
    await visitor.go("/basket")
    await look("basket-full")
    for path in PRIVATE:
        await visitor.go(path)
        await look(name_of(path))
    await visitor.go("/checkout/USD")
    await visitor.fill_address()
    await visitor.button("Place the order").click()
    await visitor.order_id()
    await look("order-pending")
    await visitor.pay(NO_FUNDS)
    await visitor.until_status("Cancelled")
    await look("order-declined")
    await visitor.pay()
    await visitor.until_status("Paid")
    await look("order-paid")
    await visitor.go("/orders")
    await look("orders-full")
    assert found == {}


async def test_first_loads_are_light(ada: Visitor, capsys: pytest.CaptureFixture[str]) -> None:
    order = await ada.order()
    for path in ("/", "/products/prod-123", f"/orders/{order}"):
        load = await first_load(ada, path)
        with capsys.disabled():
            print(f"\n{path.partition(order)[0]}: {load}", end="")
        assert 0 < load.size < FIRST_LOAD_BYTES


async def test_the_keyboard_buys(ada: Visitor) -> None:
    page = ada.page
    await ada.go("/")
    await expect(ada.link("Sextant")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(ada.link("Skip to the content")).to_be_focused()
    await ada.link("Sextant").focus()
    await page.keyboard.press("Enter")
    await expect(ada.heading("Sextant")).to_be_focused()
    await tab_to(page, "Add to basket")
    await page.keyboard.press("Enter")
    await tab_to(page, "Go to the basket")
    await page.keyboard.press("Enter")
    await expect(ada.heading("Basket")).to_be_focused()
    await tab_to(page, "Check out")
    await page.keyboard.press("Enter")
    await expect(ada.heading("Check out")).to_be_focused()
    await ada.fill_address()
    await tab_to(page, "Place the order")
    await page.keyboard.press("Enter")
    await expect(ada.heading("Order ").or_(page.locator("h1"))).to_be_focused()
    await ada.order_id()
    await page.get_by_role("radio", name="Visa •••• 4242 The payment succeeds.").focus()
    await tab_to(page, "Pay $29.99")
    await page.keyboard.press("Enter")
    await ada.until_status("Paid")


async def tab_to(page: Page, text: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if text == (await page.evaluate("document.activeElement.textContent")).strip():
            return
    raise AssertionError(f"Tab does not reach {text!r}")


async def test_titles_and_language(open_window: Open) -> None:
    visitor = await open_window(locale="de-DE")
    await visitor.go("/")
    await visitor.is_at("Katalog")
    await expect(visitor.page).to_have_title("Katalog – Argosy")
    await expect(visitor.page.locator("html")).to_have_attribute("lang", "de")
    await expect(visitor.page.locator(".tile", has_text="Sextant")).to_contain_text("29,99 $")
    await visitor.page.get_by_label("Sprache").select_option("en")
    await visitor.is_at("Catalog")
    await visitor.page.reload()
    await visitor.is_at("Catalog")
    await expect(visitor.page.locator("html")).to_have_attribute("lang", "en")


async def test_changes_of_the_order_are_read_out(ada: Visitor) -> None:
    await ada.order()
    await ada.pay()
    await ada.until_status("Paid")
    await ada.hears("The order is now: Paid.")


async def test_the_catalog_is_searched(visitor: Visitor) -> None:
    await visitor.go("/")
    await visitor.page.get_by_role("searchbox").fill("bronze lanyard")
    await visitor.page.keyboard.press("Enter")
    await visitor.sees("1 product for “bronze lanyard”")
    await expect(visitor.link("Ship's bell")).to_be_visible()
    await visitor.page.get_by_role("searchbox").fill("nothing of this kind")
    await visitor.button("Search").click()
    await visitor.sees("Nothing found.")
    await visitor.link("Show all").click()
    await expect(visitor.link("Sextant")).to_be_visible()


async def test_a_search_may_begin_before_the_list_is_there(visitor: Visitor) -> None:
    asked, found = asyncio.Event(), asyncio.Event()

    async def hold_first(route: Route) -> None:
        if not asked.is_set():
            asked.set()
            await found.wait()
        await route.continue_()

    await visitor.context.route("**/argosy.inventory.v1.ProductService/ListProducts", hold_first)
    await visitor.go("/")
    await asked.wait()
    await visitor.page.get_by_role("searchbox").fill("bronze lanyard")
    await visitor.page.keyboard.press("Enter")
    await visitor.sees("1 product for “bronze lanyard”")
    async with visitor.page.expect_response("**/ListProducts") as late:
        found.set()
    await (await late.value).finished()
    await visitor.link("Ship's bell").click()
    await visitor.page.go_back()
    await visitor.sees("1 product for “bronze lanyard”")


async def test_the_back_button_shows_the_page_before(visitor: Visitor) -> None:
    await visitor.go("/")
    await visitor.link("Sextant").click()
    await visitor.is_at("Sextant")
    await visitor.page.go_back()
    await visitor.is_at("Catalog")


async def test_scripts_see_no_token(ada: Visitor) -> None:
    seen = await ada.page.evaluate("JSON.stringify([document.cookie, localStorage, sessionStorage])")
    assert "eyJ" not in seen
    cookies = await ada.context.cookies()
    tokens = [cookie for cookie in cookies if "eyJ" in cookie.get("value", "")]
    assert tokens
    assert all(cookie["httpOnly"] for cookie in tokens)


INLINE = "document.head.append(Object.assign(document.createElement('script'), { text: 'ran = 1' }))"


async def test_a_violation_is_stopped_and_reported(visitor: Visitor, policy_reports: PolicyReports) -> None:
    before = await policy_reports.counted()
    await visitor.go("/")
    await visitor.is_at("Catalog")
    policy_reports.expected += 1
    await visitor.page.evaluate(INLINE)
    assert await visitor.page.evaluate("typeof ran") == "undefined"
    await until(policy_reports.counted, (before + 1).__eq__, "the report is counted")

    async def noted() -> set[str]:
        return {text.partition(":")[0] for text in visitor.trouble.found}

    # Either would fail a test that does not expect it.
    await until(noted, {"console", "policy"}.__eq__, "the error and the report are noted")
    visitor.trouble.found.clear()
