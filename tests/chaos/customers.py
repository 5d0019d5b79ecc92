"""Customers: they buy, fail, try again, change their mind, and do all that at a bad moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx

from tests.chaos.record import Exchange, Json
from tests.chaos.visitor import Visitor, Way, elsewhere
from tests.support.shop import ADDRESS, CHALLENGED, CONNECTION_LOST, DECLINED, INSUFFICIENT_FUNDS, SLOW, VISA

PLENTY = "prod-123"
SCARCE = "chaos-scarce"
"""A product of which there is never enough for all."""
_BETWEEN = (0.0, 1.5)
_LATE_SECONDS = (8.0, 25.0)
"""Some of it is longer than a challenge lasts (layout.TIMERS)."""
_LOOKS, _LOOK_EVERY_SECONDS = 3, 1.0
"""How often, and how far apart, a customer looks at a payment that is under way."""
_CARDS = (VISA, VISA, VISA, SLOW, CONNECTION_LOST)
_BAD_CARDS = (DECLINED, INSUFFICIENT_FUNDS)


@dataclass
class Customer(Visitor):
    """Buys, in one of the ways below, again and again."""

    orders: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Orders of which staff are asked for the money; staff take them out."""

    async def run(self, stop: asyncio.Event) -> None:
        """Be a customer until `stop`."""
        ways: list[Way] = [
            (6, "buy", self.buy),
            (2, "declined, then another card", self._another_card),
            (1, "declined, and leaves it", self._declined),
            (2, "challenged by the bank", self._challenged),
            (1, "back late from the bank", self._back_late),
            (2, "cancels", self._cancels),
            (1, "cancels while paying", self._cancels_while_paying),
            (1, "cancels what was paid", self._cancels_paid),
            (2, "double click", self._double_click),
            (1, "orders twice at once", self._orders_twice),
            (1, "reloads the page", self._reloads),
            (1, "walks away", self._order),
            (2, "fights for the last pieces", self._scarce),
            (1, "asks for a refund", self._asks_for_a_refund),
            (1, "disputes at the bank", self._disputes),
            (1, "deletes the account", self._leaves),
            (2, "looks", self._looks),
            (2, "takes another name", self._renames),
        ]
        await self.live(ways, stop, _BETWEEN)

    async def buy(self) -> Json | None:
        """Order and pay, once more if that turns out to have failed; the last payment, when both were taken."""
        order = await self._order()
        payment = await self._pay(order, self.chance.choice(_CARDS)) if order else None
        if order and payment and await self._failed(payment):
            return await self._pay(order, VISA)
        return payment

    async def _failed(self, payment: Json) -> bool:
        """Whether the payment fails while its customer waits and looks at it."""
        status = payment["status"]
        for _ in range(_LOOKS):
            if status not in ("pending", "processing"):
                break
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            found = await self.once("GET", f"/payments/{payment['paymentId']}")
            status = found.answer.get("status", status) if found.status == httpx.codes.OK else status
        return bool(status == "failed")

    def _wanted(self, product: str = PLENTY) -> Json:
        items = [{"productId": product, "quantity": self.chance.randint(1, 3)}]
        return {"items": items, "shippingAddress": ADDRESS}

    async def _order(self, product: str = PLENTY) -> Json | None:
        return self._taken(await self.insist("POST", "/orders", self._wanted(product), self.new_key()))

    def _taken(self, placed: Exchange) -> Json | None:
        if placed.status != 201:
            return None
        if placed.answer["id"] not in self.orders:
            self.orders.append(placed.answer["id"])
        return placed.answer

    async def _pay(self, order: Json, card: str, key: str | None = None) -> Json | None:
        body = {"orderId": order["id"], "paymentMethodId": card}
        found = await self.insist("POST", "/payments", body, key or self.new_key())
        return found.answer if found.status == 201 else None

    async def _another_card(self) -> None:
        """The order stays open for another try only while the first card's failure has not ended it."""
        if order := await self._order():
            await self._pay(order, self.chance.choice(_BAD_CARDS))
            await self._pay(order, VISA)

    async def _declined(self) -> None:
        if order := await self._order():
            await self._pay(order, self.chance.choice(_BAD_CARDS))

    async def _challenged(self) -> None:
        payment = await self._begin_challenge()
        if payment is None or self.chance.random() < 0.2:
            return  # never comes back from the bank
        await self._pass_challenge(payment, "approve" if self.chance.random() < 0.8 else "decline")

    async def _back_late(self) -> None:
        if payment := await self._begin_challenge():
            await asyncio.sleep(self.chance.uniform(*_LATE_SECONDS))
            await self._pass_challenge(payment, "approve")

    async def _begin_challenge(self) -> Json | None:
        order = await self._order()
        payment = await self._pay(order, CHALLENGED) if order else None
        return payment if payment and payment.get("status") == "requires_action" else None

    async def _pass_challenge(self, payment: Json, outcome: str) -> None:
        with elsewhere():
            await self.shop.sandbox.pass_challenge(payment["clientSecret"].partition("_secret_")[0], outcome)
        await self.insist("POST", f"/payments/{payment['paymentId']}:confirm", {})

    async def _cancels(self) -> None:
        if order := await self._order():
            await self.move(order["id"], "cancelled")

    async def _cancels_paid(self) -> None:
        order = await self._order()
        if order and await self._pay(order, VISA):
            await self.move(order["id"], "cancelled")

    async def _cancels_while_paying(self) -> None:
        if order := await self._order():
            await asyncio.gather(self._pay(order, VISA), self.move(order["id"], "cancelled"))

    async def _double_click(self) -> None:
        if order := await self._order():
            key = self.new_key()
            await asyncio.gather(*(self._pay(order, VISA, key) for _ in range(2)))

    async def _orders_twice(self) -> None:
        wanted, key = self._wanted(), self.new_key()
        placed = await asyncio.gather(*(self.insist("POST", "/orders", wanted, key) for _ in range(2)))
        if order := self._taken(placed[0]):
            await self._pay(order, VISA)

    async def _reloads(self) -> None:
        if order := self._taken(await self.reload("POST", "/orders", self._wanted(), self.new_key())):
            await self.reload("POST", "/payments", {"orderId": order["id"], "paymentMethodId": VISA}, self.new_key())

    async def _scarce(self) -> None:
        if order := await self._order(SCARCE):
            await self._pay(order, VISA)

    async def _asks_for_a_refund(self) -> bool:
        if not self.orders:
            return False
        self.complaints.append(self.chance.choice(self.orders))
        return True

    async def _disputes(self) -> bool:
        payment = await self.buy()
        if payment is None:
            return False
        with elsewhere():
            found = await self.shop.sandbox.intent_of(payment["paymentId"])
            amount = {"amount": found["amount"] // 2} if self.chance.random() < 0.3 else {}
            asked = {"payment_intent": found["id"], "inquiry": self.chance.random() < 0.2, **amount}
            await self.shop.sandbox.ask("POST", "/_sandbox/disputes", json=asked)
            return True
        return False

    async def _leaves(self) -> None:
        """Somebody new orders, begins to pay or not, and deletes the account with all of that open."""
        name, person = f"{self.name}-{self.new_key()[:8]}", None
        with elsewhere():
            person = await self.shop.register()
        if person is None:
            return
        leaver = Customer(name, person.token, self.shop, self.record, self.chance, self.done)
        order, card = await leaver._order(), self.chance.choice((None, VISA, CHALLENGED, SLOW))
        if order and card:
            await leaver._pay(order, card)
        await leaver.insist("DELETE", "/users/me")

    async def _looks(self) -> None:
        for order_id in self.chance.sample(self.orders, min(3, len(self.orders))):
            await self.once("GET", f"/orders/{order_id}")
        await self.once("GET", "/orders?pageSize=20")
        await self.once("GET", f"/products/{SCARCE}")

    async def _renames(self) -> None:
        await self.insist("PATCH", "/users/me", {"firstName": f"Ada {self.new_key()[:8]}"})
