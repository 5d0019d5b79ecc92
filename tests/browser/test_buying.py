"""Buying, by all ways to pay."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.support.browser import CHALLENGED, DECLINED, NO_FUNDS, Visitor, fresh_id
from tests.support.parts import Parts
from tests.support.shop import Shop, answered


async def test_a_good_card_confirms_the_order(ada: Visitor) -> None:
    order = await ada.order()
    await ada.until_status("Waiting for payment")
    await ada.pay()
    await ada.until_status("Paid")
    await ada.sees("Thank you. The payment has succeeded.")
    assert await ada.charged(order) == 2999
    await ada.orders("confirmed")
    await ada.go("/orders")
    await expect(ada.page.locator(".order-row")).to_have_count(1)
    await expect(ada.page.locator(".order-row .badge")).to_have_text("Paid")


async def test_somebody_without_an_account_signs_up_on_the_way(visitor: Visitor) -> None:
    await visitor.put_in()
    await visitor.link("Go to the basket").click()
    await visitor.link("Check out").click()
    await visitor.is_at("Sign in")
    await visitor.link("Create an account").click()
    page, person = visitor.page, visitor.person
    await page.get_by_label("Given name").fill(person["firstName"])
    await page.get_by_label("Family name").fill(person["lastName"])
    await page.get_by_label("Email").fill(person["email"])
    await page.get_by_label("Password").fill(person["password"])
    await visitor.button("Create an account").click()
    await visitor.fill_address()
    await visitor.button("Place the order").click()
    await visitor.order_id()
    await visitor.pay()
    await visitor.until_status("Paid")


async def test_after_a_decline_another_card_pays_for_the_same_goods(ada: Visitor) -> None:
    declined = await ada.order()
    await ada.pay(NO_FUNDS)
    await ada.sees("The card has insufficient funds. Choose another card.")
    await expect(ada.page.get_by_role("heading", name="Pay with another card")).to_be_visible()
    await ada.until_status("Cancelled")
    await ada.pay()
    await ada.until_status("Paid")
    paid = await ada.order_id()
    assert await ada.charged(declined) == 0
    assert await ada.charged(paid) == 2999
    assert len(await ada.orders("cancelled", "confirmed")) == 2
    # The declined order leads to the one that took its place, and orders nothing a second time.
    await ada.go(f"/orders/{declined}")
    await expect(ada.button(re.compile("^Pay "))).to_have_count(0)
    await ada.link(re.compile("^Order ")).click()
    await ada.until_status("Paid")
    assert len(await ada.orders("cancelled", "confirmed")) == 2


async def test_another_card_never_pays_a_declined_order(ada: Visitor) -> None:
    """Without Kafka the declined order is not cancelled for a long time, and would still accept a payment."""
    declined = await ada.order()
    async with Parts(ada.shop.stack).away("kafka"):
        await ada.pay(NO_FUNDS)
        await ada.sees("The card has insufficient funds. Choose another card.")
        await ada.pay()
        await ada.sees("Thank you. The payment has succeeded.")
    await ada.until_status("Paid")
    assert await ada.charged(await ada.order_id()) == 2999
    counts = await ada.shop.sandbox.counts(order_id=declined)
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 0)
    assert len(await ada.orders("cancelled", "confirmed")) == 2


async def test_two_declines_in_a_row(ada: Visitor) -> None:
    await ada.order()
    await ada.pay(DECLINED)
    await ada.sees("Your bank declined the card.")
    await ada.until_status("Cancelled")
    await ada.pay(NO_FUNDS)
    await ada.sees("The card has insufficient funds. Choose another card.")  # the label of the card has the half of it
    await ada.until_status("Cancelled")
    await ada.pay()
    await ada.until_status("Paid")
    assert len(await ada.orders("cancelled", "cancelled", "confirmed")) == 3


async def test_a_challenge_is_done_at_the_bank(ada: Visitor) -> None:
    order = await ada.order()
    await ada.pay(CHALLENGED)
    await ada.button("Approve").click()
    await ada.until_status("Paid")
    assert await ada.order_id() == order
    assert "secret" not in ada.page.url
    assert await ada.charged(order) == 2999


async def test_a_failed_challenge_leads_to_another_card(ada: Visitor) -> None:
    await ada.order()
    await ada.pay(CHALLENGED)
    await ada.button("Fail").click()
    await ada.sees("The payment was not confirmed at your bank.")
    await ada.until_status("Cancelled")
    await ada.pay()
    await ada.until_status("Paid")


async def test_the_back_button_at_the_bank_leads_to_the_same_payment(ada: Visitor) -> None:
    order = await ada.order()
    await ada.pay(CHALLENGED)
    await expect(ada.button("Approve")).to_be_visible()
    await ada.page.go_back()
    await ada.sees("Your bank wants you to confirm the payment.")
    await ada.button("Continue to your bank").click()
    await ada.button("Approve").click()
    await ada.until_status("Paid")
    assert (await ada.shop.sandbox.counts(order_id=order))["payment_intents"]["total"] == 1


async def test_an_order_is_cancelled_and_refunded(ada: Visitor) -> None:
    await ada.order()
    await ada.pay()
    await ada.until_status("Paid")
    await ada.button("Cancel the order").click()
    await ada.button("Yes, cancel it").click()
    await ada.until_status("Cancelled")
    await ada.sees("You cancelled this order.")


async def test_the_order_shows_what_staff_do_while_one_looks(ada: Visitor, shop: Shop) -> None:
    order = await ada.order()
    await ada.pay()
    await ada.until_status("Paid")
    staff = await shop.register_staff()
    for status, shown in (("shipped", "Shipped"), ("delivered", "Delivered")):
        answered(await staff.call("PATCH", f"/orders/{order}/status", {"status": status}), 200)
        await ada.until_status(shown)


async def test_store_credit_pays(ada: Visitor, shop: Shop) -> None:
    staff, customer = await shop.register_staff(), await ada.as_customer()
    grant = {"userId": customer.id, "amount": 50, "currency": "USD", "reason": "a present"}
    answered(await staff.call("POST", "/credit/grants", grant, key=fresh_id()), 201)
    order = await ada.order()
    await ada.pay("Store credit You have $50.00.")
    await ada.until_status("Paid")
    assert await ada.charged(order) == 0
    await ada.go("/account/credit")
    await ada.sees("$20.01")


async def test_a_changed_price_is_shown_before_anything_is_ordered(ada: Visitor, shop: Shop) -> None:
    staff, product = await shop.register_staff(), fresh_id()
    facts = {"id": product, "name": f"Astrolabe {product}", "description": "", "price": 10}
    answered(await staff.call("POST", "/products", facts, key=fresh_id()), 201)
    answered(await staff.call("POST", f"/products/{product}/stock", {"delta": 5}, key=fresh_id()), 201)
    await ada.go(f"/products/{product}")
    await ada.button("Add to basket").click()
    await ada.sees("is in your basket.")
    await ada.go("/checkout/USD")  # the basket's page would ask for the price, and might hear the new one
    await ada.fill_address()
    answered(await staff.call("PATCH", f"/products/{product}", {"price": 12.5}), 200)
    await ada.button("Place the order").click()
    await ada.sees("Prices have changed. Please look at your basket again.")
    assert await ada.orders() == []
    await expect(ada.page.locator("aside .total")).to_contain_text("$12.50")
    await ada.button("Place the order").click()
    await ada.order_id()
    assert [order["totalAmount"] for order in await ada.orders("pending")] == ["12.50"]


async def test_the_basket_tells_of_a_new_price_and_of_stock(ada: Visitor, shop: Shop) -> None:
    staff, product = await shop.register_staff(), fresh_id()
    facts = {"id": product, "name": "Quadrant", "description": "", "price": 10}
    answered(await staff.call("POST", "/products", facts, key=fresh_id()), 201)
    answered(await staff.call("POST", f"/products/{product}/stock", {"delta": 1}, key=fresh_id()), 201)
    await ada.go(f"/products/{product}")
    await ada.sees("Only 1 left")
    await ada.button("Add to basket").click()
    await ada.sees("1 × Quadrant is in your basket.")
    answered(await staff.call("PATCH", f"/products/{product}", {"price": 12.5}), 200)
    answered(await staff.call("POST", f"/products/{product}/stock", {"delta": -1}, key=fresh_id()), 201)
    await ada.go("/basket")
    await ada.sees("The price of Quadrant has changed from $10.00 to $12.50.")
    await ada.sees("Quadrant is sold out.")
