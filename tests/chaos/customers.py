"""Who uses the shop during a run: customers, staff, and somebody in Stripe's dashboard. The seed decides what they do.

They do what good clients do: a request that was not answered is repeated under its idempotency key until it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from tests.chaos.record import Exchange, Json, Record
from tests.support.sandbox import Sandbox
from tests.support.shop import ADDRESS, CHALLENGED, CONNECTION_LOST, DECLINED, SLOW, VISA

PLENTY = "prod-123"
SCARCE = "chaos-scarce"
"""A product of which there is never enough for all."""
_CALL_SECONDS = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_BETWEEN = (0.0, 1.5)
_LONGEST_TRY_SECONDS = 600.0
_LOOKS, _LOOK_EVERY_SECONDS = 3, 1.0
"""How often, and how far apart, a customer looks at a payment that is under way."""


class GaveUp(Exception):
    """A request was not answered for ten minutes."""


@dataclass
class Visitor:
    """Somebody with an account, and the chance that decides what they do."""

    name: str
    token: str
    http: httpx.AsyncClient
    record: Record
    chance: random.Random
    done: Counter[str]

    async def once(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> Exchange:
        """One request, answered or not."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.record.call(self.http, self.name, method, path, body, key=key, headers=headers)

    async def insist(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> Exchange:
        """The same request until it is answered for good. Raises GaveUp."""
        pause = _FIRST_PAUSE
        began = self.record.now
        while True:
            found = await self.once(method, path, body, key)
            in_flight = found.status == 409 and found.answer.get("code") == 10
            if not (found.unanswered or found.status == 429 or in_flight):
                return found
            if self.record.now - began > _LONGEST_TRY_SECONDS:
                raise GaveUp(f"{method} {path}: {found.status} {found.answer}")
            await asyncio.sleep(pause * self.chance.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def new_key(self) -> str:
        """An idempotency key that follows from the chance."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


@dataclass
class Customer(Visitor):
    """Buys, in one of the ways below, again and again."""

    sandbox: Sandbox | None = None
    orders: list[str] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Buy until told to stop; what has begun is brought to its end."""
        ways: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (6, self.buy),
            (2, self._declined),
            (2, self._challenged),
            (2, self._cancels),
            (2, self._double_click),
            (1, self._walks_away),
            (2, self._scarce),
            (2, self._looks),
            (1, self._renames),
        ]
        while not stop.is_set():
            (way,) = self.chance.choices([way for _, way in ways], [weight for weight, _ in ways])
            self.done[way.__name__.strip("_")] += 1
            await way()
            await _pause(stop, self.chance.uniform(*_BETWEEN))

    async def _order(self, product: str = PLENTY) -> Json | None:
        body = {
            "items": [{"productId": product, "quantity": self.chance.randint(1, 3)}],
            "shippingAddress": ADDRESS,
        }
        found = await self.insist("POST", "/orders", body, self.new_key())
        if found.status != 201:
            return None
        self.orders.append(found.answer["id"])
        return found.answer

    async def _pay(self, order: Json, card: str, key: str | None = None) -> Json | None:
        body = {"orderId": order["id"], "paymentMethodId": card}
        found = await self.insist("POST", "/payments", body, key or self.new_key())
        return found.answer if found.status == 201 else None

    async def buy(self) -> None:
        """Order and pay; once more if that turns out to have failed."""
        if order := await self._order():
            payment = await self._pay(order, self.chance.choice((VISA, VISA, VISA, SLOW, CONNECTION_LOST)))
            if payment and await self._failed(payment):
                await self._pay(order, VISA)

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

    async def _declined(self) -> None:
        if order := await self._order():
            await self._pay(order, DECLINED)
            await self._pay(order, VISA)

    async def _challenged(self) -> None:
        order = await self._order()
        payment = await self._pay(order, CHALLENGED) if order else None
        if payment is None or payment.get("status") != "requires_action":
            return
        if self.chance.random() < 0.3:
            return  # never comes back from the bank
        outcome = "approve" if self.chance.random() < 0.8 else "decline"
        with contextlib.suppress(httpx.TransportError, AssertionError, KeyError, TypeError):
            assert self.sandbox is not None
            await self.sandbox.pass_challenge(payment["clientSecret"].partition("_secret_")[0], outcome)
        await self.insist("POST", f"/payments/{payment['paymentId']}:confirm", {})

    async def _cancels(self) -> None:
        order = await self._order()
        if order is None:
            return
        if self.chance.random() < 0.6:
            await self._pay(order, VISA)
        await self.insist("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"})

    async def _double_click(self) -> None:
        order = await self._order()
        if order is None:
            return
        key = self.new_key()
        await asyncio.gather(*(self._pay(order, VISA, key) for _ in range(2)))

    async def _walks_away(self) -> None:
        await self._order()

    async def _scarce(self) -> None:
        if order := await self._order(SCARCE):
            await self._pay(order, VISA)

    async def _looks(self) -> None:
        for order_id in self.chance.sample(self.orders, min(3, len(self.orders))):
            await self.once("GET", f"/orders/{order_id}")
        await self.once("GET", "/orders?pageSize=20")

    async def _renames(self) -> None:
        await self.insist("PATCH", "/users/me", {"firstName": f"Ada {self.new_key()[:8]}"})


@dataclass
class Staff(Visitor):
    """Restocks what is scarce, ships, and gives money back."""

    customers: list[Customer] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            await self.chance.choice((self._restock, self._ship, self._refund))()
            await _pause(stop, self.chance.uniform(1, 4))

    async def _restock(self) -> None:
        self.done["restock"] += 1
        await self.insist("POST", f"/products/{SCARCE}/stock", {"delta": 3, "reason": "delivery"}, self.new_key())

    async def _ship(self) -> None:
        if order_id := self._some_order():
            self.done["ship"] += 1
            await self.insist("PATCH", f"/orders/{order_id}/status", {"status": "shipped"})

    async def _refund(self) -> None:
        if order_id := self._some_order():
            listed = await self.insist("GET", f"/payments?orderId={order_id}")
            for payment in listed.answer.get("payments", []):
                if payment["status"] == "succeeded":
                    self.done["refund"] += 1
                    body = {"amount": "1.00", "reason": "requested_by_customer"}
                    await self.insist("POST", f"/payments/{payment['paymentId']}/refunds", body, self.new_key())

    def _some_order(self) -> str | None:
        orders = [order for customer in self.customers for order in customer.orders]
        return self.chance.choice(orders) if orders else None


async def dashboard(sandbox: Sandbox, chance: random.Random, done: Counter[str], stop: asyncio.Event) -> None:
    """Somebody refunds a little of a charge in Stripe's dashboard, now and then, without our knowing."""
    while not stop.is_set():
        if await _pause(stop, chance.uniform(8, 20)):
            return
        with contextlib.suppress(httpx.TransportError, AssertionError, IndexError):
            charged = [one for one in await sandbox.charges() if one["amount_captured"] - one["amount_refunded"] > 500]
            charge = chance.choice(charged)
            await sandbox.ask("POST", "/v1/refunds", data={"charge": charge["id"], "amount": "100"})
            done["dashboard refund"] += 1


async def _pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until told to stop; whether that was so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
