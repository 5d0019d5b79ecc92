"""Staff: they restock and take stock away, ship and deliver, and give money back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.customers import SCARCE, Customer
from tests.chaos.record import Json
from tests.chaos.visitor import Visitor, Way

_BETWEEN = (0.3, 2.0)
_REFUNDABLE = ("succeeded", "partially_refunded")


@dataclass
class Staff(Visitor):
    """Looks after the orders of all customers."""

    customers: Sequence[Customer] = ()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        ways: list[Way] = [
            (3, "staff: restock", self._restock),
            (1, "staff: take stock away", self._take_away),
            (3, "staff: ship", lambda: self._move("shipped")),
            (2, "staff: deliver", lambda: self._move("delivered")),
            (1, "staff: cancel", lambda: self._move("cancelled")),
            (2, "staff: refund a part", lambda: self._refund(self._some_order(), {"amount": 1.0})),
            (1, "staff: refund all", lambda: self._refund(self._some_order(), {})),
            (2, "staff: refund who asked", self._answer_complaint),
        ]
        await self.live(ways, stop, _BETWEEN)

    async def _restock(self) -> None:
        await self._adjust(3, "delivery")

    async def _take_away(self) -> bool:
        """Refused where the pieces are promised to orders."""
        return await self._adjust(-self.chance.randint(1, 4), "broken")

    async def _adjust(self, delta: int, reason: str) -> bool:
        path = f"/products/{SCARCE}/stock"
        return (await self.insist("POST", path, {"delta": delta, "reason": reason}, self.new_key())).status == 201

    async def _move(self, status: str) -> bool:
        order_id = self._some_order()
        return order_id is not None and (await self.move(order_id, status)).status == 200

    async def _answer_complaint(self) -> bool:
        asking = [customer for customer in self.customers if customer.complaints]
        return bool(asking) and await self._refund(self.chance.choice(asking).complaints.pop(), {})

    async def _refund(self, order_id: str | None, body: Json) -> bool:
        if order_id is None:
            return False
        listed = await self.insist("GET", f"/payments?orderId={order_id}")
        paid = [one for one in listed.answer.get("payments", []) if one["status"] in _REFUNDABLE]
        if not paid:
            return False
        path, key = f"/payments/{paid[0]['paymentId']}/refunds", self.new_key()
        clicks = 2 if self.chance.random() < 0.3 else 1
        wanted = {**body, "reason": "requested_by_customer"}
        answers = await asyncio.gather(*(self.insist("POST", path, wanted, key) for _ in range(clicks)))
        return answers[0].status == 201

    def _some_order(self) -> str | None:
        orders = [order for customer in self.customers for order in customer.orders]
        return self.chance.choice(orders) if orders else None
