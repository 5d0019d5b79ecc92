"""Lists of orders through the edge: whose orders, filters, pages; and that they agree with the histories."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest

from tests.e2e.test_cancelling import move
from tests.support.argosy import argosy
from tests.support.real_stack import RealStack
from tests.support.shop import DECLINED, VISA, Customer, Json, Shop, answered, refusal, until

pytestmark = pytest.mark.usefixtures("before")


async def pages(who: Customer, query: str, size: int = 2) -> list[Json]:
    """A whole list, page by page."""
    found: list[Json] = []
    token = ""
    while True:
        page = await who.get(f"/orders?pageSize={size}&pageToken={token}{query}")
        found += page["orders"]
        token = page["nextPageToken"]
        if not token:
            return found


async def until_listed(who: Customer, query: str, ids: list[str]) -> list[Json]:
    """A whole list, once it has these orders: it follows them."""
    return await until(
        lambda: pages(who, query), lambda found: [order["id"] for order in found] == ids, f"the list {query!r} is {ids}"
    )


async def test_whose_orders_in_which_state(shop: Shop, staff: Customer, stranger: Customer) -> None:
    customer = await shop.register()
    orders = [await customer.order() for _ in range(5)]
    for order in orders[::2]:
        answered(await move(customer, order, "cancelled"), 200)
    newest_first = [order["id"] for order in orders[::-1]]

    for who, query in ((customer, ""), (customer, f"&userId={customer.id}"), (staff, f"&userId={customer.id}")):
        await until_listed(who, query, newest_first)
        cancelled = await until_listed(who, f"{query}&status=cancelled", newest_first[::2])
        assert {order["status"] for order in cancelled} == {"cancelled"}
    error = refusal(await stranger.call("GET", f"/orders?userId={customer.id}"))
    assert (error.status, error.reason) == (403, "ONLY_STAFF_LIST_OTHERS")
    assert not {order["id"] for order in await pages(stranger, "", 100)} & set(newest_first)


async def test_a_page_token_is_good_for_its_own_list_alone(shop: Shop, staff: Customer, stranger: Customer) -> None:
    customer = await shop.register()
    orders = [await customer.order() for _ in range(3)]
    await until_listed(customer, "", [order["id"] for order in orders[::-1]])
    token = (await customer.get("/orders?pageSize=1"))["nextPageToken"]
    wrong = {
        "another state": (customer, f"pageToken={token}&status=pending"),
        "another person": (stranger, f"pageToken={token}"),
        "staff": (staff, f"pageToken={token}&userId={customer.id}"),
        "changed": (customer, f"pageToken={token[:10]}{'A' if token[10] != 'A' else 'B'}{token[11:]}"),
        "cut": (customer, f"pageToken={token[:-4]}"),
    }
    for what, (who, query) in wrong.items():
        error = refusal(await who.call("GET", f"/orders?{query}"))
        assert (error.status, set(error.fields)) == (400, {"pageToken"}), what
    assert len((await customer.get(f"/orders?pageToken={token}"))["orders"]) == 2


async def test_staff_list_the_orders_of_all_customers(shop: Shop, staff: Customer, stranger: Customer) -> None:
    customers = [await shop.register() for _ in range(2)]
    orders = [await customer.order() for customer in customers * 2]
    for customer, order in zip(customers, orders, strict=False):
        answered(await move(customer, order, "cancelled"), 200)
    since = f"placedFrom={orders[0]['createdAt']}"

    async def found(query: str) -> list[str]:
        ids: list[str] = []
        token = ""
        while True:
            page = await staff.get(f"/staff/orders?pageSize=3&pageToken={token}&{query}")
            ids += [order["id"] for order in page["orders"]]
            token = page["nextPageToken"]
            if not token:
                return [one for one in ids if one in {order["id"] for order in orders}]

    newest_first = [order["id"] for order in orders[::-1]]
    for query, wanted in (
        (since, newest_first),
        (f"{since}&statuses=cancelled&statuses=delivered", newest_first[2:]),
        (f"{since}&placedBefore={orders[2]['createdAt']}", newest_first[2:]),
    ):
        await until(partial(found, query), wanted.__eq__, f"the list {query!r} is {wanted}")
    assert (await stranger.call("GET", "/staff/orders")).status_code == 403
    assert (await staff.call("GET", "/staff/orders?placedFrom=yesterday")).status_code == 400
    refused = refusal(await staff.call("GET", f"/staff/orders?{since}&placedBefore={orders[0]['createdAt']}"))
    assert (refused.status, set(refused.fields)) == (400, {"placedBefore"})


async def test_lists_agree_with_histories(stack: RealStack, shop: Shop) -> None:
    """`argosy orders rebuild --check` on the running system, while it is at work."""

    async def buy(card: str) -> None:
        customer = await shop.register()
        order = await customer.order()
        await customer.pay(order, card)

    async def check() -> list[Json]:
        printed = await argosy("orders", "rebuild", "--check", "--json", environment=stack.stack.environment)
        rows = [json.loads(line) for line in printed.out.splitlines()]
        assert printed.code == (1 if rows[-1]["differ"] else 0), printed.err
        return rows

    buying = asyncio.gather(*(buy(card) for card in (VISA, DECLINED) * 4))
    # Again where the machine is so busy that the service itself has not shown everything in its time.
    rows = await until(check, lambda rows: rows[-1]["differ"] == 0, "lists agree with the histories")
    await buying
    assert rows[-1]["compared"] > 0
