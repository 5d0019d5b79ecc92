"""The staff's desk: who sees it, and the orders on it."""

from __future__ import annotations

import re

from playwright.async_api import Locator, expect

from tests.browser.conftest import Open
from tests.support.browser import PATIENCE, Visitor
from tests.support.shop import Customer, Json, Shop, refusal, until

_TO_SHIP = "/desk/orders?status=confirmed"


async def test_only_staff_have_a_desk(ada: Visitor, clerk: Visitor) -> None:
    await expect(ada.link("Catalog")).to_be_visible()
    await expect(ada.link("Desk")).to_have_count(0)
    await ada.go("/desk/orders")
    await ada.is_at("For staff only")
    await ada.sees("Your account does not have the role staff, so you cannot open the desk.")
    await clerk.link("Desk").click()
    await clerk.is_at("Orders of all customers")
    await clerk.go("/desk/nothing")
    await clerk.is_at("There is nothing here")


async def test_a_page_that_takes_itself_for_staff_is_refused(ada: Visitor) -> None:
    await ada.page.evaluate("localStorage['argosy.session'] = localStorage['argosy.session'].replace('false', 'true')")
    await ada.go("/desk/orders")
    await ada.is_at("Orders of all customers")
    await ada.sees("You may not do this.")
    denied = refusal(await (await ada.as_customer()).call("GET", "/staff/orders"))
    assert (denied.status, denied.reason) == (403, "PERMISSION_DENIED")


async def test_who_is_not_signed_in_comes_to_the_desk_after_the_sign_in(open_window: Open, shop: Shop) -> None:
    visitor = await open_window()
    member = await shop.register_staff()
    visitor.person.update(email=member.email, password=member.password)
    await visitor.go("/desk/orders")
    await visitor.is_at("Sign in")
    await visitor.sign_in()
    await visitor.is_at("Orders of all customers")


async def test_customers_do_not_load_the_desk(ada: Visitor) -> None:
    loaded = await ada.page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded
    texts = [await (await ada.page.request.get(url)).text() for url in loaded if url.endswith(".js")]
    assert not any("Orders of all customers" in text for text in texts)


async def test_orders_are_filtered_by_state_and_day(clerk: Visitor, shop: Shop) -> None:
    customer = await shop.register()
    pending, paid = await customer.order(), await customer.order()
    await customer.pay(paid)
    await customer.until_order_is(paid, "confirmed")
    await until_listed(await clerk.as_customer(), paid, "confirmed")
    await clerk.go("/desk/orders")
    for order in (pending, paid):
        await expect(row(clerk, order["id"])).to_be_visible(timeout=PATIENCE)
    await expect(row(clerk, paid["id"])).to_contain_text("$59.98")
    await clerk.page.get_by_label("Paid", exact=True).check()
    await expect(row(clerk, pending["id"])).to_have_count(0, timeout=PATIENCE)
    await expect(row(clerk, paid["id"])).to_be_visible(timeout=PATIENCE)
    await expect(clerk.page).to_have_url(re.compile(re.escape(_TO_SHIP) + "$"))
    await clerk.page.get_by_label("Placed until").fill("2020-01-01")
    await clerk.sees("No order is like this.")
    await clerk.page.get_by_label("Placed from").fill("2020-01-02")
    await clerk.sees("The first day is later than the last one.")
    await clerk.page.get_by_label("Placed until").fill("2999-01-01")
    await expect(row(clerk, paid["id"])).to_be_visible(timeout=PATIENCE)
    await clerk.page.reload()
    await expect(row(clerk, paid["id"])).to_be_visible(timeout=PATIENCE)
    await expect(clerk.page.get_by_label("Placed from")).to_have_value("2020-01-02")
    await expect(clerk.page.get_by_label("Paid", exact=True)).to_be_checked()


async def until_listed(member: Customer, order: Json, status: str) -> None:
    """Wait until the list, which follows the orders, has an order in a state."""

    async def look() -> list[str]:
        return [one["id"] for one in (await member.get(f"/staff/orders?statuses={status}"))["orders"]]

    await until(look, lambda found: order["id"] in found, f"order {order['id']} is listed as {status}")


def row(clerk: Visitor, order_id: str) -> Locator:
    """The order's line in the table."""
    return clerk.page.get_by_role("row").filter(has_text=order_id[-8:].upper())
