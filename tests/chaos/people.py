"""All who use the shop during a run. The seed decides what each of them does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

from tests.chaos.customers import Customer
from tests.chaos.dashboard import Dashboard
from tests.chaos.record import Record
from tests.chaos.staff import Staff
from tests.support.shop import Shop

CUSTOMERS = 8


@dataclass
class People:
    """Eight customers, two of the staff, and somebody in Stripe's dashboard."""

    customers: list[Customer]
    staff: list[Staff]
    dashboard: Dashboard

    def begin(self, stop: asyncio.Event) -> list[asyncio.Task[None]]:
        """Let them all do what they do until `stop`."""
        lives = [*(one.run(stop) for one in self.customers), *(one.run(stop) for one in self.staff)]
        return [asyncio.create_task(life) for life in (*lives, self.dashboard.run(stop))]


async def gather(shop: Shop, staff_token: str, seed: int, record: Record, done: Counter[str]) -> People:
    """Register the customers; `done` counts what everybody does."""
    chances = random.Random(seed)

    def chance() -> random.Random:
        return random.Random(chances.getrandbits(64))

    verified = await asyncio.gather(*(shop.register_verified() for _ in range(CUSTOMERS)))
    customers = [
        Customer(f"customer-{number}", person.token, shop, record, chance(), done)
        for number, person in enumerate(verified)
    ]
    staff = [
        Staff(f"staff-{number}", staff_token, shop, record, chance(), done, customers=customers) for number in range(2)
    ]
    return People(customers, staff, Dashboard(shop.sandbox, chance(), done))
