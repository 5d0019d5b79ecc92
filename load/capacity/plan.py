"""How many units of each part there are: as the manifests deploy them, or as a rate needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from facts.system import System
from load.capacity.costs import FLUSH_MS, RELAY_MS
from load.capacity.purchase import (
    CONNECTIONS,
    CORES,
    EVENTS,
    MACHINE,
    ONE_PRODUCT,
    ORDER_EVENTS,
    PAYMENT_EVENTS,
    RELAYS,
    STORES,
    VISITS,
    visit_ms,
)
from services.chassis.data.postgres import POOL_SIZE

Units = Mapping[str, int]
TARGET = 0.6
"""The share of a part's units that is planned to be busy: the rest is for bursts, and for the loss of an instance."""

_CORES_OF_STORE = 2
_CORES_OF_BROKER = 2
_CORES_OF_EDGE = 2
_EDGES = 10


@dataclass(frozen=True)
class Demand:
    """What a purchase needs of a part."""

    part: str
    unit: str
    held_ms: float
    """How long one purchase holds a unit when nothing waits."""

    def capacity(self, units: int) -> float:
        """Purchases a second at which all units are always held."""
        return units * 1000 / self.held_ms

    def needed(self, rate: float) -> int:
        """Units of which the rate keeps the share TARGET busy."""
        return max(1, math.ceil(rate * self.held_ms / 1000 / TARGET))


def demands() -> list[Demand]:
    """The demand of a purchase for every part."""
    cores = [Demand(part, "core", visit_ms(part) * VISITS[part]) for part in CORES]
    relays = [Demand(relay, "relay", RELAY_MS * EVENTS[relay.removesuffix(" relay")]) for relay in RELAYS]
    pools = [Demand(CONNECTIONS[name], "connection", VISITS[STORES[name]] * _transaction_ms(name)) for name in STORES]
    partitions = [
        Demand(PAYMENT_EVENTS, "partition", _handling_ms("order")),
        Demand(ORDER_EVENTS["inventory"], "partition", _handling_ms("inventory")),
        Demand(ORDER_EVENTS["notification"], "partition", 2 * _handling_ms("notification")),
    ]
    return [*cores, *relays, *pools, *partitions, Demand(ONE_PRODUCT, "row", FLUSH_MS)]


def deployed(system: System) -> dict[str, int]:
    """The units of the manifests, with the most replicas that each service may have.

    A replica is a process that uses one core. A store's primary has two cores, and so has each of three brokers, which
    all keep every record: together they do the work of one.
    """
    replicas = {name: system[name].replicas.most for name in STORES}
    return {
        **replicas,
        "edge": _EDGES * _CORES_OF_EDGE,
        "kafka": _CORES_OF_BROKER,
        **dict.fromkeys(STORES.values(), _CORES_OF_STORE),
        **{CONNECTIONS[name]: replicas[name] * POOL_SIZE for name in STORES},
        **dict.fromkeys(RELAYS, 1),
        PAYMENT_EVENTS: _partitions(system, "payment"),
        **dict.fromkeys(ORDER_EVENTS.values(), _partitions(system, "order")),
        ONE_PRODUCT: 1,
        MACHINE: 2,
    }


def needed(rate: float) -> dict[str, int]:
    """The units that a rate needs, in purchases a second."""
    return {**{one.part: one.needed(rate) for one in demands()}, ONE_PRODUCT: 1, MACHINE: 2}


def _partitions(system: System, publisher: str) -> int:
    topic = system[publisher].topic
    return 0 if topic is None else topic.partitions


def _transaction_ms(service: str) -> float:
    return visit_ms(STORES[service]) + FLUSH_MS


def _handling_ms(service: str) -> float:
    return visit_ms(service) + _transaction_ms(service)
