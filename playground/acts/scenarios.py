"""Whole scenes: a purchase, and the five steps of the tour. Each does all of it by itself and says what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from local.demo.shop import Shop, Staff
from playground.acts.acting import ActFailed, Note, Outcome, word
from playground.acts.breaking import Breaking
from playground.acts.customers import CARDS, ENDED, Buyers, Customer, Json, api
from playground.acts.stripe import StripeControls

VISA = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclinedInsufficientFunds"
CHALLENGED = "pm_card_authenticationRequired"
SCARCE = "prod-128"
"""What the hundred want: the storm lantern."""
PIECES = 10
ACCOUNTS = 20
ATTEMPTS_EACH = 5
"""Twenty accounts with five attempts each: the edge lets one address register only so many a minute."""
_AFTERWARDS = 500
_LOOK_SECONDS = 5.0
_BUY_SECONDS = 20.0
_END_SECONDS = 150.0
_HOLD_SECONDS = 15.0
_CHARGE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_AT_ONCE = 20


class Scenarios:
    """The acts that buy."""

    def __init__(self, buyers: Buyers, breaking: Breaking, stripe: StripeControls) -> None:
        self._buyers = buyers
        self._breaking = breaking
        self._stripe = stripe

    async def buy(self, asked: Mapping[str, Any], note: Note) -> Outcome:
        """One purchase with a card. While a part is away, the order may still wait when this ends."""
        card = word({"card": VISA, **asked}, "card", CARDS)
        order, status = await self._buy(card, note, _BUY_SECONDS)
        if status not in ENDED:
            return Outcome(
                f"Order {order['id']} is {status}: it waits for a part that is away.", facts={"id": order["id"]}
            )
        return Outcome(f"Order {order['id']} is {status}.", facts={"id": order["id"], "status": status})

    async def decline(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """A card without enough money: the order is cancelled, the stock is released, nothing is charged."""
        order, status = await self._buy(DECLINED, note, _END_SECONDS)
        expect(status, "cancelled")
        charges = await self._charges(order["id"])
        expect(charges, 0)
        return Outcome(
            "The order is cancelled, the stock is back on sale, and Stripe charged nothing.", facts={"id": order["id"]}
        )

    async def three_d_secure(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """A card whose bank asks the customer first."""
        order, status = await self._buy(CHALLENGED, note, _END_SECONDS)
        expect(status, "confirmed")
        expect(await self._charges(order["id"]), 1)
        return Outcome(
            "The bank's page was approved, the order is confirmed, and Stripe charged once.", facts={"id": order["id"]}
        )

    async def payment_dies(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """Kill payment after Stripe has charged and before payment knows of it."""
        async with api(self._buyers.stack) as http:
            customer = Customer(http, note)
            order = await self._buyers.place(customer, note)
            # Stripe does what it is asked, and keeps its answer for itself: payment waits for it when it is killed.
            await self._stripe.fault("hold", 1, _HOLD_SECONDS)
            paying = asyncio.create_task(customer.pay(order["id"], VISA))
            try:
                await self._until_charged(order["id"])
                await self._breaking.kill_part("payment")
                note("Stripe has charged the card; payment is killed (kill -9) before it could write that down")
            except BaseException:
                paying.cancel()
                raise
            finally:
                await self._stripe.clear_faults()
            payment = await paying
            note(f"payment is back and answers the repeated request: {payment['status']}")
            expect(await customer.ended(order["id"], _END_SECONDS), "confirmed")
        charges = await self._charges(order["id"])
        expect(charges, 1)
        return Outcome("The order is confirmed, and Stripe charged exactly once.", facts={"id": order["id"]})

    async def bus_away(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """Stop Kafka, buy, and start it again: what waited catches up."""
        try:
            await self._breaking.stop_part("kafka")
            note("Kafka is stopped")
            async with api(self._buyers.stack) as http:
                customer = Customer(http, note)
                order = await self._buyers.place(customer, note)
                await self._buyers.pay(customer, order, VISA, note)
                await asyncio.sleep(_LOOK_SECONDS)
                expect(await customer.status(order["id"]), "pending")
                note("the payment is taken; its event waits in payment's outbox, and the order is still pending")
                await self._breaking.start_part("kafka", note)
                note("Kafka is back")
                expect(await customer.ended(order["id"], _END_SECONDS), "confirmed")
        finally:
            await self._breaking.start_part("kafka", note)
        return Outcome(
            "The event left the outbox once Kafka was back, and the order is confirmed.", facts={"id": order["id"]}
        )

    async def crowd(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """A hundred attempts to buy ten pieces."""
        with Shop(self._buyers.stack) as shop:
            staff = await asyncio.to_thread(_only_so_many, shop, PIECES)
            note(f"the storm lantern has {PIECES} pieces left; {ACCOUNTS} customers sign up")
            try:
                sold, refused = await self._rush(note)
            finally:
                await asyncio.to_thread(staff.restock, SCARCE, _AFTERWARDS, "after the rush")
        expect(sold, PIECES)
        return Outcome(f"{sold} pieces were sold, {refused} attempts were refused, nothing was sold twice.")

    async def _rush(self, note: Note) -> tuple[int, int]:
        """How many orders were confirmed, and how many attempts found it sold out."""
        async with api(self._buyers.stack, _AT_ONCE) as http:
            customers = [Customer(http, note) for _ in range(ACCOUNTS)]
            await asyncio.gather(*(one.register() for one in customers))
            note(f"{ACCOUNTS * ATTEMPTS_EACH} attempts to buy, all at once")
            attempts = [self._attempt(one) for one in customers for _ in range(ATTEMPTS_EACH)]
            statuses = await asyncio.gather(*attempts)
            left = (await http.get(f"/products/{SCARCE}")).json()["available"]
        refused = statuses.count("")
        note(f"{len(statuses) - refused} orders, {refused} times sold out, {left} pieces left")
        return statuses.count("confirmed"), refused

    async def _attempt(self, customer: Customer) -> str:
        """Buy one piece; the order's last status, or nothing if it was sold out."""
        order = await customer.order(SCARCE, 1)
        if order is None:
            return ""
        self._buyers.purchases.add(order["id"], customer.email)
        self._buyers.orders.choose(order["id"])
        await customer.pay(order["id"], VISA)
        return await customer.ended(order["id"], _END_SECONDS)

    async def _buy(self, card: str, note: Note, seconds: float) -> tuple[Json, str]:
        async with api(self._buyers.stack) as http:
            customer = Customer(http, note)
            note(f"a new customer with {CARDS[card]}")
            order = await self._buyers.place(customer, note)
            await self._buyers.pay(customer, order, card, note)
            return order, await customer.ended(order["id"], seconds)

    async def _until_charged(self, order_id: str) -> None:
        give_up = time.monotonic() + _CHARGE_SECONDS
        while not await self._charges(order_id):
            if time.monotonic() > give_up:
                raise ActFailed("Stripe was not asked to charge in time.")
            await asyncio.sleep(_POLL_SECONDS)

    async def _charges(self, order_id: str) -> int:
        return int((await self._stripe.counts(order_id))["charges"].get("succeeded", 0))


def _only_so_many(shop: Shop, pieces: int) -> Staff:
    """Let a member of staff set the stock of the scarce product."""
    shop.register()
    staff = shop.hire()
    delta = pieces - int(shop.product(SCARCE)["available"])
    if delta:
        staff.restock(SCARCE, delta, "a rush is coming")
    return staff


def expect(found: object, expected: object) -> None:
    """Raises ActFailed if an outcome is not the promised one."""
    if found != expected:
        raise ActFailed(f"Expected {expected}, but found {found or 'nothing'}.")
