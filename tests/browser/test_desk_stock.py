"""The staff's desk: products and their stock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from tests.browser.conftest import Open
from tests.support.browser import NETWORK, PATIENCE, PHONE, Visitor, fresh_id, lose_first_answer
from tests.support.shop import Json, Shop, an_order, refusal
from tests.support.stock import new_product

_ADJUST = "**/argosy.inventory.v1.ProductService/AdjustStock"


async def test_a_product_is_created_changed_and_sold(clerk: Visitor, shop: Shop) -> None:
    product = fresh_id()
    page = clerk.page
    await clerk.go("/desk")
    await clerk.link("Products and stock").click()
    await clerk.link("New product").click()
    await page.get_by_label("Product id").fill("Brass Lamp")
    await page.get_by_label("Name").fill("Brass lamp")
    await page.get_by_label("Price").fill("12.505")
    await clerk.button("Create the product").click()
    await clerk.sees("Enter 1 to 64 small letters, digits and hyphens, such as brass-lamp.")
    await page.get_by_label("Product id").fill("prod-123")
    await clerk.button("Create the product").click()
    await clerk.sees("Enter a price such as 12.50, with the currency's number of decimals.")
    await page.get_by_label("Price").fill("12.50")
    await clerk.button("Create the product").click()
    await clerk.sees("A product has this id already.")
    await page.get_by_label("Product id").fill(product)
    await clerk.button("Create the product").click()
    await clerk.is_at("Brass lamp")
    await page.get_by_label("Name").fill("Brass lantern")
    await page.get_by_label("Price").fill("13.75")
    await clerk.button("Save").click()
    await clerk.is_at("Brass lantern")
    await clerk.sees("Saved.")
    found = await shop.product(product)
    assert (found["name"], found["price"], found["available"]) == ("Brass lantern", "13.75", 0)


async def test_stock_is_added_removed_and_its_moves_are_listed(clerk: Visitor, shop: Shop) -> None:
    product = await new_product(shop.stack, on_hand=5)
    order = await (await shop.register()).order(an_order(2, product, 12.50))
    await clerk.go(f"/desk/products/{product}")
    await expect(moves(clerk).first).to_contain_text("Reserved", timeout=PATIENCE)
    await expect(moves(clerk).first).to_contain_text(order["id"][-8:].upper())
    await adjust(clerk, "0")
    await clerk.sees("Enter a number of pieces other than 0, such as 10 or -10.")
    await adjust(clerk, "-4")
    await clerk.sees("The stock cannot be changed so: pieces are reserved for orders.")
    await adjust(clerk, "-3", "Broken glass")
    await clerk.sees("The stock has changed by −3. Available now: 0.")
    await expect(moves(clerk).first).to_contain_text("Changed by the staff: Broken glass", timeout=PATIENCE)
    await adjust(clerk, "10")
    await clerk.sees("The stock has changed by +10. Available now: 10.")
    assert (await shop.product(product))["available"] == 10


async def test_a_double_click_changes_the_stock_once(clerk: Visitor, shop: Shop) -> None:
    product = await new_product(shop.stack, on_hand=5)
    await clerk.go(f"/desk/products/{product}")
    await fill(clerk, "10")
    clicked = asyncio.Event()

    async def hold(route: Route) -> None:
        await clicked.wait()
        await route.continue_()

    await clerk.context.route(_ADJUST, hold)
    await clerk.button("Change the stock").dblclick()
    clicked.set()
    await clerk.sees("The stock has changed by +10. Available now: 15.")
    assert (await shop.product(product))["available"] == 15


async def test_a_lost_answer_to_a_stock_move_is_asked_for_again(clerk: Visitor, shop: Shop) -> None:
    product = await new_product(shop.stack, on_hand=5)
    await clerk.go(f"/desk/products/{product}")
    keys = await lose_first_answer(clerk, _ADJUST)
    with clerk.trouble.expecting(NETWORK):
        await adjust(clerk, "10")
        await clerk.sees("The stock has changed by +10. Available now: 15.")
    assert len(set(keys)) == 1 < len(keys)
    assert (await shop.product(product))["available"] == 15


async def test_customers_may_not_change_the_catalog(ada: Visitor, shop: Shop) -> None:
    product = await new_product(shop.stack, on_hand=5)
    await ada.go(f"/desk/products/{product}")
    await ada.is_at("For staff only")
    customer = await ada.as_customer()
    asked: tuple[tuple[str, str, Json], ...] = (
        ("POST", "/products", {"id": fresh_id(), "name": "Mine", "price": 1}),
        ("PATCH", f"/products/{product}", {"price": 1}),
        ("POST", f"/products/{product}/stock", {"delta": 1}),
    )
    for method, path, body in asked:
        assert refusal(await customer.call(method, path, body)).status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE["width"]])
async def test_axe_finds_nothing_on_the_desks_products(open_window: Open, shop: Shop, scheme: str, width: int) -> None:
    product = await new_product(shop.stack, on_hand=5)
    await (await shop.register()).order(an_order(2, product, 12.50))
    clerk = await open_window(
        bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    await clerk.sign_in_as_staff()
    found: dict[str, Any] = {}
    for name, path in (("products", "products"), ("new-product", "new-product"), ("product", f"products/{product}")):
        await clerk.go(f"/desk/{path}")
        if problems := await clerk.faults(f"desk-{name}-{scheme}-{width}"):
            found[name] = problems
    assert found == {}


def moves(clerk: Visitor) -> Locator:
    """The lines of the list of moves, newest first."""
    return clerk.page.locator("tbody tr")


async def fill(clerk: Visitor, delta: str, reason: str = "") -> None:
    """Fill in the form that changes the stock."""
    await clerk.page.get_by_label("Add or remove").fill(delta)
    await clerk.page.get_by_label("Reason").fill(reason)


async def adjust(clerk: Visitor, delta: str, reason: str = "") -> None:
    """Change the stock."""
    await fill(clerk, delta, reason)
    await clerk.button("Change the stock").click()
