"""The staff's desk: customers are found, suspended and reinstated, and get store credit once."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Locator, Route, expect

from tests.support.browser import NETWORK, PATIENCE, Visitor, hang_first_answer, lose_first_answer
from tests.support.shop import Customer, Shop, refusal, until

_GRANT = "**/argosy.payment.v1.PaymentService/GrantCredit"


def title_of(person: Customer) -> str:
    """The heading of somebody's page. It has no name: browsers keep titles."""
    return f"Customer {person.id[-8:].upper()}"


async def open_page(clerk: Visitor, person: Customer) -> None:
    await clerk.go(f"/desk/customers/{person.id}")
    await clerk.is_at(title_of(person))
    await clerk.sees(person.email)


def row(clerk: Visitor, text: str) -> Locator:
    """A line of a list."""
    return clerk.page.locator(".row", has_text=text)


async def search(clerk: Visitor, words: str) -> None:
    await clerk.page.get_by_role("searchbox").fill(words)
    await clerk.button("Search").click()


async def fill_grant(clerk: Visitor, amount: str, reason: str = "a late parcel") -> Locator:
    """Fill in the form. Returns its button."""
    await clerk.page.get_by_label("Amount").fill(amount)
    await clerk.page.get_by_label("Reason").fill(reason)
    return clerk.button("Grant credit")


async def grants(person: Customer) -> list[str]:
    """What was granted to somebody."""
    entries = (await person.get("/credit/entries"))["entries"]
    return [entry["amount"] for entry in entries if entry["kind"] == "grant"]


@asynccontextmanager
async def held(clerk: Visitor) -> AsyncIterator[list[str]]:
    """Grants reach the API when the block ends. Gives the keys of the requests, as they come."""
    keys: list[str] = []
    go_on = asyncio.Event()

    async def hold(route: Route) -> None:
        keys.append((await route.request.all_headers())["idempotency-key"])
        await go_on.wait()
        await route.continue_()

    await clerk.context.route(_GRANT, hold)
    try:
        yield keys
    finally:
        go_on.set()


async def test_customers_are_found_by_the_first_letters_of_their_addresses(clerk: Visitor, shop: Shop) -> None:
    letters = f"q{uuid.uuid4().hex[:10]}"
    first, second = [await shop.register(email=f"{letters}-{number}@example.com") for number in (1, 2)]
    await clerk.link("Desk").click()
    await clerk.link("Customers").click()
    await clerk.is_at("Customers")
    await expect(row(clerk, second.email)).to_be_visible(timeout=PATIENCE)  # the newest are shown first
    await search(clerk, letters)
    await expect(clerk.page.locator(".row")).to_have_count(2, timeout=PATIENCE)
    await search(clerk, f"{letters.upper()}-1")
    await expect(clerk.page.locator(".row")).to_have_count(1, timeout=PATIENCE)
    await expect(row(clerk, first.email)).to_contain_text("active")
    await row(clerk, first.email).get_by_role("link").click()
    await clerk.is_at(title_of(first))
    await clerk.sees(first.email)
    await clerk.page.go_back()
    await expect(clerk.page.get_by_role("searchbox")).to_have_value(f"{letters.upper()}-1", timeout=PATIENCE)
    await expect(clerk.page.locator(".row")).to_have_count(1, timeout=PATIENCE)
    assert letters not in clerk.page.url.lower()
    await search(clerk, f"{letters}-3")
    await clerk.sees("No account is like this.")
    await search(clerk, second.id)
    await clerk.is_at(title_of(second))
    await clerk.sees(second.email)


async def test_a_search_is_forgotten_with_the_sign_out(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await clerk.go("/desk/customers")
    await search(clerk, person.email)
    await expect(clerk.page.locator(".row")).to_have_count(1, timeout=PATIENCE)
    await clerk.link("Account").click()
    await clerk.button("Sign out").click()
    await clerk.is_at("Catalog")
    await clerk.link("Sign in").click()
    await clerk.sign_in()
    await clerk.link("Desk").click()
    await clerk.link("Customers").click()
    await clerk.is_at("Customers")
    await expect(clerk.page.get_by_role("searchbox")).to_have_value("")
    assert person.email not in await clerk.page.evaluate("JSON.stringify([localStorage, sessionStorage])")


async def test_an_account_that_does_not_exist(clerk: Visitor) -> None:
    await clerk.go(f"/desk/customers/{uuid.uuid4()}")
    await clerk.sees("There is no such account.")
    await expect(clerk.button("Suspend the account")).to_have_count(0)


async def test_the_page_has_the_customers_orders_and_credit(clerk: Visitor, shop: Shop, staff: Customer) -> None:
    person = await shop.register()
    order = await person.order()
    await open_page(clerk, person)
    await clerk.sees("This customer has no store credit.")
    await expect(row(clerk, order["id"][-8:].upper())).to_contain_text("Waiting for payment", timeout=PATIENCE)
    await expect(row(clerk, order["id"][-8:].upper()).get_by_role("link")).to_have_attribute(
        "href", f"/desk/orders/{order['id']}"
    )
    await open_page(clerk, staff)
    await clerk.sees("This customer has not ordered anything yet.")


async def test_suspending_ends_the_sessions_and_reinstating_lets_them_back(
    ada: Visitor, clerk: Visitor, staff: Customer
) -> None:
    person = await ada.as_customer()
    await open_page(clerk, person)
    await clerk.button("Suspend the account").click()
    await expect(clerk.page.get_by_role("heading", name="Suspend this account?")).to_be_focused()
    await clerk.sees("The customer is signed out everywhere within seconds.")
    await clerk.sees("Orders, payments and store credit stay as they are.")
    await clerk.button("Cancel").click()
    assert (await staff.get(f"/users/{person.id}"))["accountStatus"] == "active"
    await clerk.button("Suspend the account").click()
    await clerk.button("Yes, suspend it").dblclick()
    await clerk.sees("This account is suspended: the customer cannot sign in.")
    assert (await staff.get(f"/users/{person.id}"))["accountStatus"] == "suspended"

    async def heading() -> str:
        await ada.go("/orders")
        await ada.settle()
        return await ada.page.locator("h1").inner_text()

    with ada.trouble.expecting("40[13]"):
        await until(heading, lambda found: found == "Sign in", "the session has ended")
        await ada.sign_in()
        await ada.sees("This account is suspended. Please contact the shop.")
        await clerk.button("Reinstate the account").click()
        await clerk.sees("This customer may sign in.")
        await ada.sign_in()
        await ada.is_at("Your orders")


async def test_nobody_suspends_themself(clerk: Visitor) -> None:
    member = await clerk.as_customer()
    await open_page(clerk, member)
    await clerk.sees("This is your own account.")
    await expect(clerk.button("Suspend the account")).to_have_count(0)
    denied = refusal(await member.call("POST", f"/users/{member.id}:suspend", {}))
    assert denied.reason == "OWN_ACCOUNT"


async def test_a_deleted_account_cannot_be_suspended(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await person.call("DELETE", "/users/me")
    await open_page(clerk, person)
    await expect(clerk.page.locator(".badge", has_text="deleted")).to_be_visible()
    await expect(clerk.button("Suspend the account")).to_have_count(0)


async def test_a_double_click_grants_once(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await open_page(clerk, person)
    async with held(clerk) as keys:
        button = await fill_grant(clerk, "12,50")
        await button.dblclick()
        await clerk.page.get_by_label("Reason").press("Enter")
    await clerk.sees("$12.50 are granted.")
    await expect(row(clerk, "a late parcel")).to_contain_text("+$12.50", timeout=PATIENCE)
    await expect(clerk.page.locator(".price")).to_have_text("$12.50")
    # The form is empty again: another click sends nothing.
    await button.click()
    await expect(clerk.page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
    assert (len(keys), await grants(person)) == (1, ["12.50"])
    assert (await person.get("/credit"))["balances"] == [{"amount": "12.50", "currency": "USD"}]


async def test_two_grants_are_two(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await open_page(clerk, person)
    for amount, balance in (("5", "$5.00"), ("7.25", "$12.25")):
        await (await fill_grant(clerk, amount)).click()
        await expect(clerk.page.locator(".price")).to_have_text(balance, timeout=PATIENCE)
    assert await grants(person) == ["7.25", "5.00"]


async def test_a_lost_answer_to_a_grant_is_asked_for_again(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await open_page(clerk, person)
    keys = await lose_first_answer(clerk, _GRANT)
    with clerk.trouble.expecting(NETWORK):
        await (await fill_grant(clerk, "12.50")).click()
        await clerk.sees("$12.50 are granted.")
    assert len(set(keys)) == 1 < len(keys)
    assert await grants(person) == ["12.50"]


async def test_a_reload_while_granting_grants_once(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await open_page(clerk, person)
    arrived = await hang_first_answer(clerk, _GRANT)
    await (await fill_grant(clerk, "12.50")).click()
    await asyncio.wait_for(arrived.wait(), PATIENCE / 1000)
    await clerk.page.reload()
    await clerk.sees("$12.50 are granted.")
    await expect(clerk.page.locator(".price")).to_have_text("$12.50", timeout=PATIENCE)
    assert await grants(person) == ["12.50"]
    await expect(clerk.button("Grant credit")).to_be_visible()


async def test_a_grant_that_cannot_be_is_said_so_at_its_field(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register()
    await open_page(clerk, person)
    amount, currency = (clerk.page.get_by_label(label) for label in ("Amount", "Currency"))
    for wrong in ("twelve", "0x10", "-1", "0"):  # by the browser, and by the API
        await (await fill_grant(clerk, wrong)).click()
        await expect(amount).to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
        await expect(clerk.page.locator("form [aria-disabled=true]")).to_have_count(0, timeout=PATIENCE)
    await currency.fill("JPY")
    await (await fill_grant(clerk, "1.5")).click()
    await expect(amount).to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
    await currency.fill("QQQ")
    await (await fill_grant(clerk, "1")).click()
    await expect(currency).to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
    assert await grants(person) == []


async def test_customers_see_nothing_of_it_and_the_api_refuses_them(ada: Visitor, shop: Shop) -> None:
    person, other = await ada.as_customer(), await shop.register()
    for path in ("/desk/customers", f"/desk/customers/{other.id}", f"/desk/customers/{person.id}"):
        await ada.go(path)
        await ada.is_at("For staff only")
    body = {"userId": person.id, "amount": 5, "currency": "USD", "reason": "for me"}
    refused = {
        "search": await person.call("POST", "/users:search", {"emailPrefix": "a"}),
        "suspend": await person.call("POST", f"/users/{other.id}:suspend", {}),
        "reinstate": await person.call("POST", f"/users/{person.id}:reinstate", {}),
        "grant": await person.call("POST", "/credit/grants", body),
        "credit": await person.call("GET", f"/credit?userId={other.id}"),
        "entries": await person.call("GET", f"/credit/entries?userId={other.id}"),
        "orders": await person.call("GET", f"/orders?userId={other.id}"),
    }
    assert {what: refusal(answer).status for what, answer in refused.items()} == dict.fromkeys(refused, 403)
    assert refusal(await person.call("GET", f"/users/{other.id}")).status == 404


async def test_names_and_addresses_are_in_no_address_and_no_title(clerk: Visitor, shop: Shop) -> None:
    person = await shop.register(firstName="Hypatia")
    seen: list[str] = []
    clerk.context.on("request", lambda request: seen.append(request.url))
    await clerk.go("/desk/customers")
    await search(clerk, person.email)
    await row(clerk, person.email).get_by_role("link").click()
    await clerk.sees("Hypatia")
    await clerk.settle()
    seen += [clerk.page.url, await clerk.page.title()]
    assert seen
    assert not [text for text in seen if re.search(rf"Hypatia|{re.escape(person.email[:12])}|%40|@", text)]
