"""A party is away for longer than stock is held, and people go on buying: no order is lost, no paid one its stock.

On a stack of its own, on which an order may wait for its payment, and a hold lasts, for seconds. Customers do what
clients should: whatever was not answered is asked again, a little later, under the same Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from tests.conftest import SCALED_HOLD_SECONDS
from tests.support import invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.parts import Parts
from tests.support.real_stack import RealStack
from tests.support.shop import (
    CHALLENGED,
    VISA,
    Customer,
    Json,
    Shop,
    an_order,
    answered,
    final,
    refusal,
    until,
)
from tests.support.stock import new_product, release_holds

LONGER_THAN_A_HOLD = SCALED_HOLD_SECONDS + 4
LAST_PIECE = "prod-129"
"""Of which there is one."""
_ENDED = frozenset({"confirmed", "cancelled"})
_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 240.0
_BUYERS = 10


@pytest.fixture(scope="module")
async def fast_shop(scaled_stack: RealStack) -> AsyncIterator[Shop]:
    """The way in to the stack on which time runs fast."""
    async with Shop(scaled_stack) as shop:
        yield shop


@pytest.fixture(autouse=True)
async def well_behaved_stripe(fast_shop: Shop) -> AsyncIterator[None]:
    """The one of this stack; the run's own need not be up."""
    yield
    await fast_shop.sandbox.behave()


@pytest.fixture
def parts(scaled_stack: RealStack) -> Parts:
    return Parts(scaled_stack)


@pytest.fixture
async def before(scaled_stack: RealStack, product: str) -> Baseline:
    """How things stood before each of these tests."""
    return await invariants.baseline(scaled_stack)


@pytest.fixture
async def product(scaled_stack: RealStack) -> str:
    """The id of a product of which there is plenty."""
    return await new_product(scaled_stack, 100_000)


@pytest.fixture(scope="module")
async def buyers(fast_shop: Shop) -> Sequence[Customer]:
    """Those who buy while something is away."""
    return [await fast_shop.register() for _ in range(_BUYERS)]


async def order(customer: Customer, product: str) -> Json:
    """An order that was accepted. If the hold of the first try was released (HOLD_ENDED), it is placed again."""
    while True:
        key = str(uuid.uuid4())
        place = partial(customer.call, "POST", "/orders", an_order(1, product, None), key=key)
        answer = await final(place, _PATIENCE_SECONDS)
        if not (answer.status_code == 400 and refusal(answer).reason == "HOLD_ENDED"):
            return answered(answer, 201)


async def pay(customer: Customer, placed: Json, card: str = VISA) -> Json | None:
    """The payment of an order; None when the order had ended by then, for nobody had paid it in time."""
    body, key = {"orderId": placed["id"], "paymentMethodId": card}, str(uuid.uuid4())
    answer = await final(lambda: customer.call("POST", "/payments", body, key=key), _PATIENCE_SECONDS)
    if answer.status_code == 201:
        return answered(answer, 201)
    assert refusal(answer).reason == "ORDER_NOT_PAYABLE", answer.text
    return None


async def buy(customer: Customer, product: str, accepted: list[str]) -> None:
    placed = await order(customer, product)
    accepted.append(placed["id"])
    await pay(customer, placed)


async def buy_for(seconds: float, a_second: float, begin: Callable[[asyncio.TaskGroup], None]) -> None:
    """Begin a purchase as often as that, whatever becomes of those before, and see all of them to their end."""
    async with asyncio.TaskGroup() as purchases:
        until_then = time.monotonic() + seconds
        while time.monotonic() < until_then:
            begin(purchases)
            await asyncio.sleep(1 / a_second)


async def all_ended(
    stack: RealStack, before: Baseline, accepted: Sequence[str], *, expired_by_hand: Collection[str] = ()
) -> Facts:
    """What there is once every order has ended, and everything is as it must be."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = await invariants.hold(stack, before, mail_may_repeat=True, expired_by_hand=expired_by_hand)
        assert set(accepted) <= set(found.orders), "no order that was accepted is lost"
        open_still = [one.id for one in found.orders.values() if one.status not in _ENDED]
        if not open_still:
            return found
        assert time.monotonic() < give_up, f"still open: {open_still}"
        await asyncio.sleep(_PAUSE_SECONDS)


async def test_the_last_piece_stays_with_who_has_paid_for_it_while_the_bus_is_away(
    fast_shop: Shop, parts: Parts, before: Baseline, product: str
) -> None:
    first, second, challenged = [await fast_shop.register() for _ in range(3)]

    async with parts.away("kafka"):
        last_piece = await first.order(an_order(1, LAST_PIECE, None))
        assert (await first.pay(last_piece))["status"] == "succeeded"
        proving = await challenged.order(an_order(1, product, None))
        challenge = await challenged.pay(proving, CHALLENGED)
        assert challenge["status"] == "requires_action"
        give_up = time.monotonic() + LONGER_THAN_A_HOLD
        while time.monotonic() < give_up:
            answer = await second.call("POST", "/orders", an_order(1, LAST_PIECE, None))
            assert refusal(answer).reason == "OUT_OF_STOCK"
            await asyncio.sleep(_PAUSE_SECONDS)
        assert (await first.get(f"/orders/{last_piece['id']}"))["status"] == "pending"
    await challenged.approve(challenge)

    for customer, placed in ((first, last_piece), (challenged, proving)):
        await customer.until_order_is(placed, "confirmed")
        await customer.until_mailed(placed, "Your order is confirmed")
    found = await all_ended(fast_shop.stack, before, [last_piece["id"], proving["id"]])
    assert {found.reservations[placed["id"]].status for placed in (last_piece, proving)} == {"committed"}
    assert (await fast_shop.product(LAST_PIECE))["available"] == 0


async def test_paid_orders_whose_stock_is_gone_end_with_their_money_back_and_stop_nobody(
    fast_shop: Shop, product: str, buyers: Sequence[Customer]
) -> None:
    """As versions left them that let holds go by time alone. Ten dead letters in a row would stop the consumer."""
    stack, staff = fast_shop.stack, await fast_shop.register_staff()
    scarce = await new_product(stack, len(buyers))
    before = await invariants.baseline(stack)
    placed = await asyncio.gather(*(customer.order(an_order(1, scarce, None)) for customer in buyers))
    await release_holds(stack, [one["id"] for one in placed])
    taken = await staff.call("POST", f"/products/{scarce}/stock", {"delta": -len(buyers)}, key=str(uuid.uuid4()))
    assert taken.status_code in (200, 201), taken.text

    paid = await asyncio.gather(*(customer.pay(one) for customer, one in zip(buyers, placed, strict=True)))
    assert {payment["status"] for payment in paid} == {"succeeded"}

    for customer, one in zip(buyers, placed, strict=True):
        await customer.until_order_is(one, "cancelled")
        mail = await customer.until_mailed(one, "Your order has been cancelled")
        assert "out of stock" in mail["text"]
        await customer.until_mailed(one, "Your refund is on its way")
    ids = [one["id"] for one in placed]
    found = await all_ended(stack, before, ids, expired_by_hand=ids)
    for one in placed:
        assert [commit.status for commit in found.orders[one["id"]].commits] == ["pending", "confirmed", "cancelled"]
    assert {payment.status for payment in found.payments} == {"refunded"}

    health = await fast_shop.http.get(f"{stack.admin_url('inventory')}/health")
    assert health.status_code == 200, health.text
    await fast_shop.product(scarce)
    another = await buyers[0].order(an_order(1, product, None))
    await buyers[0].pay(another)
    await buyers[0].until_order_is(another, "confirmed")


@pytest.mark.parametrize(
    ("part", "a_second"),
    [
        *((part, 20) for part in ("kafka", "stripe", "ferretdb", "postgres")),
        *((part, 4) for part in ("payment", "order", "inventory")),
    ],
)
async def test_a_party_is_away_for_longer_than_stock_is_held_while_people_buy(
    fast_shop: Shop,
    parts: Parts,
    before: Baseline,
    product: str,
    buyers: Sequence[Customer],
    part: str,
    a_second: float,
    capsys: pytest.CaptureFixture[Any],
) -> None:
    accepted: list[str] = []
    turns = itertools.cycle(buyers)

    def begin(purchases: asyncio.TaskGroup) -> None:
        purchases.create_task(buy(next(turns), product, accepted))

    held = [await order(next(turns), product) for _ in range(3)]
    accepted += [one["id"] for one in held]  # which nobody pays
    buying = asyncio.create_task(buy_for(LONGER_THAN_A_HOLD, a_second, begin))
    async with parts.away(part):
        await asyncio.sleep(LONGER_THAN_A_HOLD)
    back = time.monotonic()
    await buying
    answered_after = time.monotonic() - back
    found = await all_ended(fast_shop.stack, before, accepted)

    statuses = [one.status for one in found.orders.values()]
    assert statuses.count("confirmed") > 0
    assert all(found.orders[one["id"]].status == "cancelled" for one in held)
    with capsys.disabled():
        print(
            f"\n{part} away for {LONGER_THAN_A_HOLD} s under {a_second} purchases a second: {len(accepted)} orders,"
            f" {statuses.count('confirmed')} confirmed; all answered {answered_after:.1f} s,"
            f" all settled {time.monotonic() - back:.1f} s after it was back"
        )


async def test_no_outage_left_dead_letters_or_stopped_consumers(scaled_stack: RealStack) -> None:
    """What any of the outages made a dead letter of, or any consumer stop for, is seen here."""

    async def unwell() -> list[str]:
        async with httpx.AsyncClient() as http:
            answers = {
                name: await http.get(f"{scaled_stack.admin_url(name)}/metrics")
                for name in ("order", "payment", "inventory", "notification")
            }
        return [
            f"{name}: {line}"
            for name, answer in answers.items()
            for line in answer.text.splitlines()
            if line.startswith(("argosy_consumer_stopped{", "argosy_dead_letters_total{")) and not line.endswith(" 0.0")
        ]

    assert await until(unwell, lambda found: not found, "all consumers are well") == []
