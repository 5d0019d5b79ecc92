"""The staff's desk: parked mails are sent again, and what reconciliation found is shown."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Locator, expect

from services.chassis.bus.dead_letters import Reason
from tests.browser.conftest import Open
from tests.support.browser import NETWORK, PATIENCE, PHONE, Visitor
from tests.support.letters import make_dead
from tests.support.parked import park_messages_of
from tests.support.second_instance import second_instance
from tests.support.shop import Customer, Json, Shop, refusal, until

WELCOME = "Welcome! Please verify your email address"
FAST = {"COMPARE_EVERY_SECONDS": "0.5", "COMPARE_SETTLED_SECONDS": "3"}
_LIST_PAYMENT_DRIFTS = "**/argosy.payment.v1.PaymentService/ListPaymentDrifts"


@asynccontextmanager
async def parked(shop: Shop, staff: Customer) -> AsyncIterator[tuple[Customer, str]]:
    """Somebody new, and the id of the mail that they do not get before the block ends."""
    person = await shop.register()

    async def statuses() -> list[str]:
        return [mail["status"] for mail in (await person.get("/notifications"))["notifications"]]

    await until(statuses, lambda found: found == ["sent"], "the welcome is sent")
    (message,) = await park_messages_of(shop.stack, person.id)
    yield person, str(message)
    await staff.call("POST", f"/staff/parked-messages/{message}:retry", {})


def mail_of(clerk: Visitor, person: Customer) -> Locator:
    return clerk.page.locator(".row", has_text=f"Customer {person.id[-8:].upper()}")


async def read_to_the_end(clerk: Visitor) -> None:
    """Show all pages of the lists: other tests may have left something, too."""
    more = clerk.button("Show more")
    await clerk.settle()
    while await more.count():
        rows = await clerk.page.locator(".row").count()
        await more.first.click()
        await expect(clerk.page.locator(".row").nth(rows)).to_be_visible(timeout=PATIENCE)


async def test_a_parked_mail_is_sent_again(clerk: Visitor, shop: Shop, staff: Customer) -> None:
    async with parked(shop, staff) as (person, _):
        await clerk.link("Desk").click()
        await clerk.link("Parked mails").click()
        await clerk.is_at("Parked mails")
        await read_to_the_end(clerk)
        await expect(mail_of(clerk, person)).to_contain_text("10 attempts · SMTPServerDisconnected")
        await expect(mail_of(clerk, person)).not_to_contain_text("@")
        await mail_of(clerk, person).get_by_role("button", name="Send again: Welcome").dblclick()
        await expect(mail_of(clerk, person)).to_have_count(0, timeout=PATIENCE)

        async def welcomes() -> int:
            return [mail["subject"] for mail in await shop.mails_to(person.email)].count(WELCOME)

        await until(welcomes, lambda count: count == 2, "the mail")


async def test_a_mail_that_somebody_else_has_sent_again(clerk: Visitor, shop: Shop, staff: Customer) -> None:
    async with parked(shop, staff) as (person, message):
        await clerk.go("/desk/mails")
        await read_to_the_end(clerk)
        assert not (await staff.call("POST", f"/staff/parked-messages/{message}:retry", {})).is_error
        await mail_of(clerk, person).get_by_role("button").click()
        await clerk.sees("This mail is not parked any more.")


async def test_a_dead_letter_is_handled_again(clerk: Visitor, shop: Shop, staff: Customer) -> None:
    order = await bought(await shop.register())
    letter = await make_dead(shop.stack, "inventory", order["id"])
    await make_dead(shop.stack, "inventory", order["id"], Reason.UNREADABLE)
    await clerk.link("Desk").click()
    await clerk.link("Dead letters").click()
    await clerk.is_at("Dead letters")
    await read_to_the_end(clerk)
    stock = clerk.page.get_by_role("region", name="Stock").locator(".row", has_text=order["id"])
    await expect(stock).to_have_count(2, timeout=PATIENCE)
    await expect(stock.first).to_contain_text("5 attempts · RuntimeError: a fault of the past")
    await expect(stock.last).to_contain_text("It cannot be handled again")
    await stock.get_by_role("button", name="Handle again: ORDER_").dblclick()
    await expect(stock).to_have_count(1, timeout=PATIENCE)
    listed = (await staff.get("/staff/dead-letters/inventory?pageSize=100"))["letters"]
    assert letter not in [one["id"] for one in listed]


async def bought(customer: Customer) -> Json:
    order = await customer.order()
    await customer.pay(order)
    return await customer.until_order_is(order, "confirmed")


@asynccontextmanager
async def one_dollar_more(shop: Shop, order: Json) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """Somebody writes another amount into the order's payment, until the block ends. Its id, and payment's database."""
    change = "UPDATE payments SET amount = amount + $2 WHERE order_id = $1::uuid RETURNING id"
    connection = await asyncpg.connect(shop.stack.postgres_url("payment"))
    try:
        payment = str(await connection.fetchval(change, order["id"], 1))
        try:
            yield payment, connection
        finally:
            await connection.execute(change, order["id"], -1)
            await until_found(connection, payment, lambda kinds: not kinds)
    finally:
        await connection.close()


async def until_found(connection: asyncpg.Connection, payment: str, good: Callable[[set[str]], bool]) -> None:
    """Wait until the kinds of the recorded drift about a payment are good. Drift of its charge at Stripe names it.

    The page is not asked so often: payment limits how often one asks.
    """
    kinds = "SELECT kind FROM drifts WHERE strpos(concat(subject, ours), $1) > 0"

    async def recorded() -> set[str]:
        return {row["kind"] for row in await connection.fetch(kinds, payment)}

    await until(recorded, good, f"the drift of payment {payment}")


async def test_what_reconciliation_found_is_shown_until_it_is_gone(clerk: Visitor, shop: Shop, tmp_path: Path) -> None:
    order = await bought(await shop.register())
    drifts = clerk.page.get_by_role("region", name="Payments").locator(".row")
    async with second_instance(shop.stack, "payment", FAST, tmp_path):
        async with one_dollar_more(shop, order) as (payment, connection):
            await until_found(connection, payment, lambda kinds: "payment_amount_differs" in kinds)
            await clerk.link("Desk").click()
            await clerk.link("Differences").click()
            await clerk.is_at("Differences")
            await read_to_the_end(clerk)
            drift = drifts.filter(has_text=f"order {order['id']} costs {order['totalAmount']}")
            await expect(drift).to_contain_text("A payment is not of its order's amount")
            await expect(drift).to_contain_text(payment)
            await expect(drift).to_contain_text("needs a person")
        await clerk.page.reload()
        await read_to_the_end(clerk)
        await expect(drifts.filter(has_text=payment)).to_have_count(0)


async def test_a_service_that_does_not_answer_hides_no_other(clerk: Visitor) -> None:
    await clerk.context.route(_LIST_PAYMENT_DRIFTS, lambda route: route.abort("connectionrefused"))
    with clerk.trouble.expecting(NETWORK):
        await clerk.go("/desk/drifts")
        alert = clerk.page.get_by_role("region", name="Payments").get_by_role("alert")
        await expect(alert).to_be_visible(timeout=PATIENCE)
        for name in ("Orders", "Stock", "Mails"):
            await expect(clerk.page.get_by_role("region", name=name).locator(".loading")).to_have_count(0)
            await expect(clerk.page.get_by_role("region", name=name).get_by_role("alert")).to_have_count(0)
        await clerk.context.unroute(_LIST_PAYMENT_DRIFTS)
        await clerk.button("Try again").click()
        await expect(alert).to_have_count(0, timeout=PATIENCE)


async def test_customers_see_nothing_of_it_and_the_api_refuses_them(ada: Visitor, shop: Shop, staff: Customer) -> None:
    person = await ada.as_customer()
    for path in ("/desk/mails", "/desk/drifts", "/desk/letters"):
        await ada.go(path)
        await ada.is_at("For staff only")
    services = ("order", "payment", "inventory", "notification")
    async with parked(shop, staff) as (_, message):
        refused = [
            await person.call("GET", "/staff/parked-messages"),
            await person.call("POST", f"/staff/parked-messages/{message}:retry", {}),
            *[await person.call("GET", f"/staff/drifts/{service}") for service in services],
            *[await person.call("GET", f"/staff/dead-letters/{service}") for service in services],
        ]
    assert {refusal(answer).status for answer in refused} == {403}


@asynccontextmanager
async def drifts_of(shop: Shop, service: str) -> AsyncIterator[None]:
    """Two drifts in a service's record, for the length of the block. No comparison of the service looks at them."""
    subject = str(uuid.uuid4())
    connection = await asyncpg.connect(shop.stack.postgres_url(service))
    try:
        await connection.executemany(
            "INSERT INTO drifts (comparison, kind, subject, ours, theirs, outcome, repairs)"
            " VALUES ('browser_test', $1, $2, $3, $4, $5, $6)",
            [
                ("paid_not_confirmed", subject, "payment of 59.98 is succeeded", "the order is pending", "mended", 1),
                ("unheard_of", subject, "x" * 100, "there is no such order", "left", 3),
            ],
        )
        yield
        await connection.execute("DELETE FROM drifts WHERE subject = $1", subject)
    finally:
        await connection.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE["width"]])
async def test_axe_finds_nothing_and_nothing_is_too_wide(
    open_window: Open, shop: Shop, staff: Customer, scheme: str, width: int
) -> None:
    # axe is a script that the policy of the pages refuses.
    clerk = await open_window(
        bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    await clerk.sign_in_as_staff()
    found: dict[str, Any] = {}

    async def look(name: str) -> None:
        if problems := await clerk.faults(f"desk-{name}-{scheme}-{width}"):
            found[name] = problems

    async with parked(shop, staff) as (person, _):
        await person.order()
        body = {"userId": person.id, "amount": 12.5, "currency": "USD", "reason": "a late parcel"}
        assert not (await staff.call("POST", "/credit/grants", body)).is_error
        await clerk.go("/desk/customers")
        await look("customers")
        await clerk.go(f"/desk/customers/{person.id}")
        await look("customer")
        await clerk.button("Suspend the account").click()
        await look("suspending")
        await clerk.button("Yes, suspend it").click()
        await expect(clerk.button("Reinstate the account")).to_be_visible(timeout=PATIENCE)
        await look("suspended")
        await clerk.go("/desk/mails")
        await look("mails")
    async with drifts_of(shop, "payment"), drifts_of(shop, "inventory"):
        await clerk.go("/desk/drifts")
        await look("drifts")
    assert found == {}
