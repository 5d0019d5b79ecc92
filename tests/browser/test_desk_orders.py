"""The staff's desk: who sees it, and the orders on it."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Locator, Route, expect

from tests.browser.conftest import Open
from tests.support.browser import NETWORK, PATIENCE, PHONE, Visitor, hang_first_answer, lose_first_answer
from tests.support.shop import Customer, Json, Shop, answered, refusal, until

_TO_SHIP = "/desk/orders?status=confirmed"
_UPDATE = "**/argosy.order.v1.OrderService/UpdateOrderStatus"
_REFUND = "**/argosy.payment.v1.PaymentService/CreateRefund"


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


async def a_paid_order(shop: Shop) -> tuple[Customer, Json, Json]:
    """A customer with an order of 59.98 USD, and its payment."""
    customer = await shop.register()
    order = await customer.order()
    payment = await customer.pay(order)
    return customer, await customer.until_order_is(order, "confirmed"), payment


async def test_an_order_is_shipped_and_delivered(clerk: Visitor, shop: Shop) -> None:
    customer, order, _ = await a_paid_order(shop)
    await until_listed(await clerk.as_customer(), order, "confirmed")
    await clerk.go(_TO_SHIP)
    await row(clerk, order["id"]).get_by_role("link").click()
    assert await clerk.order_id() == order["id"]
    for text in (order["id"], customer.id, "123 Test St", "59.98", "Stripe"):
        await clerk.sees(text)
    await expect(clerk.button("Mark as delivered")).to_be_disabled()
    await clerk.button("Ship", exact=True).dblclick()
    await clerk.until_status("Shipped")
    await expect(clerk.button("Ship", exact=True)).to_be_disabled()
    await expect(clerk.button("Cancel", exact=True)).to_be_disabled()
    assert (await customer.get(f"/orders/{order['id']}"))["status"] == "shipped"
    await clerk.button("Mark as delivered").click()
    await clerk.until_status("Delivered")
    await expect(clerk.page.locator(".history li")).to_have_count(4, timeout=PATIENCE)
    await expect(clerk.page.locator(".history")).not_to_contain_text("cancelled")


async def test_an_order_is_cancelled_after_a_question(clerk: Visitor, shop: Shop) -> None:
    customer, order, _ = await a_paid_order(shop)
    await clerk.go(f"/desk/orders/{order['id']}")
    await clerk.button("Cancel", exact=True).click()
    await clerk.button("No, keep it").click()
    await expect(clerk.button("Yes, cancel it")).to_have_count(0)
    await clerk.button("Cancel", exact=True).click()
    await clerk.button("Yes, cancel it").click()
    await clerk.until_status("Cancelled")
    await clerk.sees("The staff cancelled it.")
    await clerk.sees("The order was cancelled")  # the refund that follows
    await clerk.sees("paid back")
    assert (await customer.get(f"/orders/{order['id']}"))["status"] == "cancelled"


async def test_what_has_moved_on_is_refused_in_a_sentence(clerk: Visitor, shop: Shop) -> None:
    customer, order, _ = await a_paid_order(shop)
    await clerk.go(f"/desk/orders/{order['id']}")
    await clerk.is_at(re.compile("^Order "))
    shipping = asyncio.Event()

    async def hold(route: Route) -> None:
        await shipping.wait()
        await route.continue_()

    await clerk.context.route(_UPDATE, hold)
    await clerk.button("Ship", exact=True).click()
    answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    shipping.set()
    await clerk.sees("The order has moved on, so this is not possible any more.")
    await clerk.until_status("Cancelled")
    await clerk.sees("The customer cancelled it.")


async def test_a_part_is_refunded_and_then_the_rest(clerk: Visitor, shop: Shop) -> None:
    _, order, payment = await a_paid_order(shop)
    await clerk.go(f"/desk/orders/{order['id']}")
    await open_refund(clerk)
    await clerk.sees("$59.98 can be refunded.")
    amount = clerk.page.get_by_label("Amount in USD")
    await expect(amount).to_have_value("59.98")
    await amount.fill("twelve")
    await refund_button(clerk).click()
    await clerk.sees("Enter an amount such as 12.50, not more than what can be refunded.")
    await amount.fill("60")
    await refund_button(clerk).click()
    await clerk.sees("The refund is larger than what is left of the payment.")
    await amount.fill("9.98")
    await clerk.page.get_by_label("Reason").fill("A scratch")
    await refund_button(clerk).click()
    await clerk.sees("Refund of $9.98: paid back.")
    await clerk.sees("A scratch")
    await open_refund(clerk)
    await clerk.sees("$50.00 can be refunded.")
    await clerk.page.get_by_label("As store credit, not to the card").check()
    await refund_button(clerk).click()
    await clerk.sees("Refund of $50.00: paid back.")
    await clerk.sees("$59.98: refunded")
    await expect(clerk.button("Refund …")).to_have_count(0)
    assert await refunded(clerk, payment) == ["50.00", "9.98"]


async def test_a_double_click_refunds_once(clerk: Visitor, shop: Shop) -> None:
    _, order, payment = await a_paid_order(shop)
    await clerk.go(f"/desk/orders/{order['id']}")
    await open_refund(clerk)
    await clerk.page.get_by_label("Amount in USD").fill("10")
    clicked = asyncio.Event()

    async def hold(route: Route) -> None:
        await clicked.wait()
        await route.continue_()

    await clerk.context.route(_REFUND, hold)
    await refund_button(clerk).dblclick()
    clicked.set()
    await clerk.sees("Refund of $10.00: paid back.")
    assert await refunded(clerk, payment) == ["10.00"]


async def test_a_lost_answer_to_a_refund_is_asked_for_again(clerk: Visitor, shop: Shop) -> None:
    _, order, payment = await a_paid_order(shop)
    await clerk.go(f"/desk/orders/{order['id']}")
    await open_refund(clerk)
    await clerk.page.get_by_label("Amount in USD").fill("10")
    keys = await lose_first_answer(clerk, _REFUND)
    with clerk.trouble.expecting(NETWORK):
        await refund_button(clerk).click()
        await clerk.sees("Refund of $10.00: paid back.")
    assert len(set(keys)) == 1 < len(keys)
    assert await refunded(clerk, payment) == ["10.00"]


async def test_a_reload_while_refunding_refunds_once(clerk: Visitor, shop: Shop) -> None:
    _, order, payment = await a_paid_order(shop)
    await clerk.go(f"/desk/orders/{order['id']}")
    await open_refund(clerk)
    await clerk.page.get_by_label("Amount in USD").fill("10")
    arrived = await hang_first_answer(clerk, _REFUND)
    await refund_button(clerk).click()
    await asyncio.wait_for(arrived.wait(), PATIENCE / 1000)
    await clerk.page.reload()
    await clerk.sees("Refund of $10.00: paid back.")
    assert await refunded(clerk, payment) == ["10.00"]


async def test_two_tabs_refund_once(clerk: Visitor, shop: Shop) -> None:
    _, order, payment = await a_paid_order(shop)
    other = await clerk.another_tab()
    for one in (clerk, other):
        await one.go(f"/desk/orders/{order['id']}")
        await open_refund(one)
        await one.page.get_by_label("Amount in USD").fill("10")
    await refund_button(clerk).click()
    await clerk.sees("Refund of $10.00: paid back.")
    await refund_button(other).click()
    await other.sees("Somebody changed this at the same moment.")
    await other.sees("$49.98 can be refunded.")
    assert await refunded(clerk, payment) == ["10.00"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE["width"]])
async def test_axe_finds_nothing_on_the_desks_orders(open_window: Open, shop: Shop, scheme: str, width: int) -> None:
    _, order, payment = await a_paid_order(shop)
    clerk = await open_window(
        bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    member = await clerk.sign_in_as_staff()
    answered(await member.call("POST", f"/payments/{payment['paymentId']}/refunds", {"amount": 5}), 201)
    await until_listed(member, order, "confirmed")
    await clerk.go("/desk")
    await expect(row(clerk, order["id"])).to_be_visible(timeout=PATIENCE)
    found = {"orders": await clerk.faults(f"desk-orders-{scheme}-{width}")}
    await clerk.go(f"/desk/orders/{order['id']}")
    await open_refund(clerk)
    await clerk.button("Cancel", exact=True).first.click()
    found["order"] = await clerk.faults(f"desk-order-{scheme}-{width}")
    assert found == {"orders": [], "order": []}


async def test_the_desk_is_in_german_too(open_window: Open) -> None:
    clerk = await open_window()
    await clerk.sign_in_as_staff()
    await clerk.go("/desk")
    await clerk.page.get_by_label("Language").select_option("de")
    await clerk.is_at("Bestellungen aller Kunden")


async def open_refund(clerk: Visitor) -> None:
    """Open the form of a refund."""
    await clerk.button("Refund …").click()


def refund_button(clerk: Visitor) -> Locator:
    """The button that refunds."""
    return clerk.button("Refund", exact=True)


async def refunded(clerk: Visitor, payment: Json) -> list[str]:
    """The amounts of a payment's refunds, newest first."""
    found = await (await clerk.as_customer()).get(f"/payments/{payment['paymentId']}/refunds")
    return [refund["amount"] for refund in found["refunds"]]


async def until_listed(member: Customer, order: Json, status: str) -> None:
    """Wait until the list, which follows the orders, has an order in a state."""

    async def look() -> list[str]:
        return [one["id"] for one in (await member.get(f"/staff/orders?statuses={status}"))["orders"]]

    await until(look, lambda found: order["id"] in found, f"order {order['id']} is listed as {status}")


def row(clerk: Visitor, order_id: str) -> Locator:
    """The order's line in the table."""
    return clerk.page.get_by_role("row").filter(has_text=order_id[-8:].upper())
