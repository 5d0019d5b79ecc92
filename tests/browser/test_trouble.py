"""Double clicks, tabs, reloads, the back button and lost connections: nothing is ordered or paid twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from playwright.async_api import expect

from tests.support.browser import (
    CREATE_ORDER,
    CREATE_PAYMENT,
    NETWORK,
    PATIENCE,
    VISA,
    Visitor,
    answers_held,
    lose_first_answer,
    requests_held,
)
from tests.support.shop import answered, until

_STRIPE_HOLDS_SECONDS = 4
"""Less than payment waits for Stripe, so that this answer is the one by which it learns the outcome."""


@asynccontextmanager
async def paying(visitor: Visitor, order: str) -> AsyncIterator[None]:
    """Stripe has charged the card when the block begins, and the page gets no answer before the block ends."""
    await visitor.shop.sandbox.hold_next_answers(seconds=_STRIPE_HOLDS_SECONDS)
    async with answers_held(visitor, CREATE_PAYMENT):
        await visitor.pay()

        async def charged() -> object:
            return await visitor.charged(order)

        await until(charged, bool, "the card is charged")
        yield


async def click_both(one: Visitor, other: Visitor, button: str | re.Pattern[str], path: str) -> None:
    """Click the same button in two tabs. Nothing is sent before both are clicked: each shows what the other does."""
    async with requests_held(one, path), requests_held(other, path):
        await asyncio.gather(*(tab.button(button).click() for tab in (one, other)))


async def test_a_double_click_orders_once(ada: Visitor) -> None:
    await ada.check_out()
    async with answers_held(ada, CREATE_ORDER):
        await ada.button("Place the order").dblclick()
    await ada.order_id()
    assert len(await ada.orders("pending")) == 1


async def test_a_double_click_pays_once(ada: Visitor) -> None:
    order = await ada.order()
    await ada.choose(VISA)
    async with answers_held(ada, CREATE_PAYMENT):
        await ada.button(re.compile("^Pay ")).dblclick()
    await ada.until_status("Paid")
    counts = await ada.shop.sandbox.counts(order_id=order)
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 2999)


async def test_a_lost_answer_to_an_order_is_asked_for_again(ada: Visitor) -> None:
    keys = await lose_first_answer(ada, CREATE_ORDER)
    with ada.trouble.expecting(NETWORK):
        await ada.order()
    assert len(set(keys)) == 1 < len(keys)
    assert len(await ada.orders("pending")) == 1


async def test_a_lost_answer_to_a_payment_is_asked_for_again(ada: Visitor) -> None:
    order = await ada.order()
    keys = await lose_first_answer(ada, CREATE_PAYMENT)
    with ada.trouble.expecting(NETWORK):
        await ada.pay()
        await ada.until_status("Paid")  # the stream may say so before the request is repeated

        async def requests() -> int:
            return len(keys)

        await until(requests, lambda count: count > 1, "the request is repeated")
    assert len(set(keys)) == 1
    assert await ada.charged(order) == 2999


async def test_a_reload_while_ordering_orders_once(ada: Visitor) -> None:
    await ada.check_out()
    async with answers_held(ada, CREATE_ORDER):
        await ada.button("Place the order").click()
        await ada.orders("pending")
        await ada.page.reload()
    await ada.order_id()
    assert len(await ada.orders("pending")) == 1
    await ada.go("/basket")
    await ada.sees("Your basket is empty.")


async def test_a_reload_while_paying_pays_once(ada: Visitor) -> None:
    order = await ada.order()
    async with paying(ada, order):
        await ada.page.reload()
    await ada.until_status("Paid")
    assert await ada.charged(order) == 2999


async def test_back_and_forward_after_ordering_orders_once(ada: Visitor) -> None:
    order = await ada.order()
    await ada.page.go_back()
    await ada.is_at("Basket")
    await ada.sees("Your basket is empty.")
    await ada.page.go_forward()
    assert await ada.order_id() == order
    await ada.go("/checkout/USD")
    await ada.sees("There is nothing to order.")
    assert len(await ada.orders("pending")) == 1


async def test_back_and_forward_while_paying_pays_once(ada: Visitor) -> None:
    order = await ada.order()
    async with paying(ada, order):
        await ada.page.go_back()
        await ada.is_at("Basket")
        await ada.page.go_forward()
        await ada.order_id()
    await ada.until_status("Paid")
    counts = await ada.shop.sandbox.counts(order_id=order)
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 2999)


async def test_two_tabs_order_once(ada: Visitor) -> None:
    await ada.check_out()
    other = await ada.another_tab()
    await other.go("/checkout/USD")
    await other.fill_address()
    await click_both(ada, other, "Place the order", CREATE_ORDER)
    for one in (ada, other):
        await expect(one.page).to_have_url(re.compile("/orders"), timeout=PATIENCE)
    assert len(await ada.orders()) == 1


async def test_two_tabs_pay_once(ada: Visitor) -> None:
    order = await ada.order()
    other = await ada.another_tab()
    await other.go(f"/orders/{order}")
    await other.choose(VISA)
    await ada.choose(VISA)
    await click_both(ada, other, re.compile("^Pay "), CREATE_PAYMENT)
    # A tab that is not in front does not watch.
    for one in (ada, other):
        await one.page.bring_to_front()
        await one.until_status("Paid")
    counts = await ada.shop.sandbox.counts(order_id=order)
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 2999)


async def test_the_basket_is_the_same_in_two_tabs(ada: Visitor) -> None:
    other = await ada.another_tab()
    await other.go("/basket")
    await other.sees("Your basket is empty.")
    await ada.put_in()
    await expect(other.page.get_by_label("Quantity of Sextant", exact=True)).to_have_value("1")


async def test_offline_in_mid_payment(ada: Visitor) -> None:
    order = await ada.order()
    with ada.trouble.expecting(NETWORK):
        await ada.context.set_offline(True)
        await ada.pay()
        await ada.sees("The connection is bad. We repeat the request; nothing is done twice.")
        await ada.sees("The shop cannot be reached.")
        await ada.context.set_offline(False)
        await ada.until_status("Paid")
    assert await ada.charged(order) == 2999


async def test_the_order_goes_on_after_the_connection_was_away(ada: Visitor) -> None:
    order = await ada.order()
    with ada.trouble.expecting(NETWORK):
        await ada.context.set_offline(True)
        await (await ada.as_customer()).pay({"id": order})
        await ada.context.set_offline(False)
        await ada.until_status("Paid")


async def test_a_session_that_ends_at_the_checkout_goes_on_after_the_sign_in(ada: Visitor) -> None:
    await ada.check_out()
    token = next(cookie["value"] for cookie in await ada.context.cookies() if "eyJ" in cookie["value"])
    customer = await ada.as_customer()
    sessions = (await customer.get("/users/me/sessions"))["sessions"]
    for session in sessions:
        if not session["current"]:
            answered(await customer.call("DELETE", f"/users/me/sessions/{session['id']}"), 200)

    async def refusals() -> set[int]:
        return {(await ada.shop.call("GET", path, token=token)).status_code for path in ("/users/me", "/orders")}

    await until(refusals, {httpx.codes.UNAUTHORIZED}.__eq__, "both services know that the session has ended")
    with ada.trouble.expecting(r"401"):
        await ada.button("Place the order").click()
        await ada.is_at("Sign in")
        await ada.sees("Your session has ended.")
        await ada.sign_in()
        await ada.order_id()
    assert len(await ada.orders("pending")) == 1
