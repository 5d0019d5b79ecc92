"""Counts what must be true of this page's orders at the end, from what each store says, and adds `argosy reconcile`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import httpx

from cli.databases import OrderDocuments, documents
from cli.environment import settings_of
from cli.reconcile import COMPARED, findings
from local.stack import Stack
from playground.acts.acting import Note, Outcome
from playground.acts.customers import ENDED, Purchases
from playground.acts.stripe import StripeControls
from services.order.adapters.commits import MongoCommits
from services.order.domain.history import fold

_ANSWER_SECONDS = 10.0
_PAID = frozenset({"confirmed", "shipped", "delivered"})
_CONFIRMED = "Your order is confirmed"
_MAILS = 1000


@dataclass(frozen=True)
class Counted:
    """What the stores say about one order."""

    status: str
    charges: int
    """Successful charges at Stripe."""
    kept: int
    """What Stripe took less what it gave back, in cents."""
    mails: int
    """Mails that say that it is confirmed."""


@dataclass(frozen=True)
class Line:
    """One thing that must be true of some orders, and of how many it is."""

    what: str
    good: int
    of: int
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is true of all."""
        return self.good == self.of


def lines(orders: Sequence[Counted], differences: Sequence[str]) -> list[Line]:
    """The invariants, counted. Pure."""
    paid = [one for one in orders if one.status in _PAID]
    unpaid = [one for one in orders if one.status not in _PAID]
    return [
        Line("orders that have come to an end", _count(orders, lambda one: one.status in ENDED), len(orders)),
        Line("confirmed orders charged exactly once", _count(paid, lambda one: one.charges == 1), len(paid)),
        Line("other orders for which no money was kept", _count(unpaid, lambda one: one.kept == 0), len(unpaid)),
        Line("confirmed orders with exactly one mail", _count(paid, lambda one: one.mails == 1), len(paid)),
        Line(
            "services whose payments, stock, lists and mails agree with the others'",
            len(COMPARED) - len({one.partition(":")[0] for one in differences}),
            len(COMPARED),
            "; ".join(differences[:3]),
        ),
    ]


def _count(orders: Sequence[Counted], good: Any) -> int:
    return sum(1 for one in orders if good(one))


class Counting:
    """The act that counts."""

    def __init__(self, stack: Stack, purchases: Purchases, stripe: StripeControls) -> None:
        self._stack = stack
        self._purchases = purchases
        self._stripe = stripe

    async def count(self, _: Mapping[str, Any], note: Note) -> Outcome:
        """Count over all orders of this page. Raises NoSystem or httpx.HTTPError while a store is away."""
        note("asking every store")
        orders = await self._orders()
        differences = [
            f"{service}: {one.drift.kind} {one.drift.subject}"
            for service in COMPARED
            for one in await findings([service], None, mend=False)
        ]
        found = lines(orders, differences)
        wrong = [one.what for one in found if not one.ok]
        facts = {"lines": [{**asdict(one), "ok": one.ok} for one in found]}
        if wrong:
            return Outcome(f"Not (yet) true of all: {'; '.join(wrong)}.", ok=False, facts=facts)
        return Outcome(f"All true, over {len(orders)} orders of this page.", facts=facts)

    async def _orders(self) -> list[Counted]:
        placed = dict(self._purchases.placed)
        statuses = await _statuses(placed)
        mails = await self._mails(placed)
        counted = []
        for order_id in placed:
            money = await self._stripe.counts(order_id)
            kept = money["amount_captured"] - money["amount_refunded"]
            charges = money["charges"].get("succeeded", 0)
            counted.append(Counted(statuses[order_id], charges, kept, mails[order_id]))
        return counted

    async def _mails(self, placed: Mapping[str, str]) -> Counter[str]:
        """How many mails say that an order is confirmed."""
        found: Counter[str] = Counter()
        url = self._stack.url("mail-http", "/messages")
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as http:
            for email in set(placed.values()):
                answer = await http.get(url, params={"to": email, "limit": _MAILS})
                answer.raise_for_status()
                texts = [one["text"] for one in answer.json()["messages"] if one["subject"] == _CONFIRMED]
                found.update(order for order in placed for text in texts if order in text)
        return found


async def _statuses(orders: Mapping[str, str]) -> dict[str, str]:
    async with documents(settings_of("order", OrderDocuments)) as mongo:
        commits = MongoCommits(mongo)
        return {order: fold(await commits.load(UUID(order))).status.value for order in orders}
