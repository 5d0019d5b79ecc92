"""The way of a purchase through the parts: an order, its payment, and the saga until the order is confirmed."""

from __future__ import annotations

from load.capacity.costs import CPU_MS, FLUSH_MS, RELAY_MS
from load.capacity.queues import Give, Mark, Step, Take, Work, use

ORDERED = "order answered"
PAID = "payment answered"
CONFIRMED = "confirmed"
"""From the order's arrival, each."""

MACHINE = "machine"
ONE_PRODUCT = "stock of one product"
CORES = tuple(CPU_MS)
RELAYS = ("order relay", "payment relay", "inventory relay")
STORES = {"order": "order store", **{name: f"{name} database" for name in ("payment", "inventory", "notification")}}
CONNECTIONS = {name: f"{name} connections" for name in STORES}
ORDER_EVENTS = {name: f"order-events at {name}" for name in ("inventory", "notification")}
PAYMENT_EVENTS = "payment-events at order"


def purchase(*, one_machine: bool = False, one_product: bool = False) -> list[Step]:
    """The steps.

    one_machine: all parts share the cores of one machine. one_product: everybody buys the same product.
    """
    parts = _Parts(one_machine=one_machine)
    stock: list[Step] = use(ONE_PRODUCT, FLUSH_MS) if one_product else [Work(FLUSH_MS)]
    order = [
        *parts.cpu("edge"),
        *parts.cpu("order"),
        *parts.cpu("inventory"),
        *parts.transaction("inventory", stock),
        *parts.transaction("order"),
        *parts.cpu("order"),
        Mark(ORDERED),
    ]
    payment = [
        *parts.cpu("edge"),
        *parts.cpu("payment"),
        *parts.cpu("order"),
        *parts.transaction("order", []),
        *parts.transaction("payment"),
        *parts.transaction("payment"),
        *parts.cpu("payment"),
        Mark(PAID),
    ]
    webhook = [*parts.cpu("edge"), *parts.cpu("payment"), *parts.transaction("payment")]
    confirmed = [*parts.published("payment"), *parts.consumed(PAYMENT_EVENTS, "order"), Mark(CONFIRMED)]
    after = [
        *parts.published("order"),
        *parts.consumed(ORDER_EVENTS["inventory"], "inventory"),
        *parts.published("order"),
        *parts.consumed(ORDER_EVENTS["notification"], "notification"),
        *parts.consumed(ORDER_EVENTS["notification"], "notification"),
        *parts.published("inventory"),
        *parts.cpu("notification"),
        *parts.transaction("notification"),
    ]
    return [*order, *payment, *webhook, *confirmed, *after]


VISITS = {
    "edge": 3,
    "order": 4,
    "payment": 3,
    "inventory": 2,
    "notification": 3,
    "kafka": 4,
    "order store": 3,
    "payment database": 3,
    "inventory database": 2,
    "notification database": 3,
}
"""How often a purchase comes to each part. Its CPU is divided equally; the relay's is taken off first."""

EVENTS = {"order": 2, "payment": 1, "inventory": 1}
"""Events that a purchase publishes."""


def visit_ms(part: str) -> float:
    """CPU of one visit, ms."""
    return (CPU_MS[part] - EVENTS.get(part, 0) * RELAY_MS) / VISITS[part]


class _Parts:
    def __init__(self, *, one_machine: bool) -> None:
        self._one_machine = one_machine

    def cpu(self, part: str) -> list[Step]:
        return use(MACHINE if self._one_machine else part, visit_ms(part))

    def transaction(self, service: str, commit: list[Step] | None = None) -> list[Step]:
        """A connection is taken from the pool until the commit is on disk."""
        pool = CONNECTIONS[service]
        return [Take(pool), *self.cpu(STORES[service]), *([Work(FLUSH_MS)] if commit is None else commit), Give(pool)]

    def published(self, service: str) -> list[Step]:
        relay = f"{service} relay"
        work: list[Step] = use(MACHINE, RELAY_MS) if self._one_machine else [Work(RELAY_MS)]
        return [Take(relay), *work, Give(relay), *self.cpu("kafka")]

    def consumed(self, partition: str, service: str) -> list[Step]:
        """A partition is handled one event after another, each in a transaction."""
        return [Take(partition, split=True), *self.cpu(service), *self.transaction(service), Give(partition)]
