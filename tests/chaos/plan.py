"""Which fault happens when. A plan follows from a seed, and can be written down, cut short and replayed."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from local.ports import SERVICES
from tests.chaos.layout import HOLD_SECONDS, INSTANCES


class Kind(StrEnum):
    """What can happen."""

    KILL = "kill"
    """kill -9; the supervisor starts the part again."""
    PAUSE = "pause"
    """SIGSTOP, then SIGCONT: the process lives and does nothing."""
    OUTAGE = "outage"
    """The part is stopped, for longer than a hold lasts."""
    CUT = "cut"
    SLOW = "slow"
    HALF_OPEN = "half-open"
    """A link between two parts is cut, slow, or open without passing anything on."""
    STRIPE_SLOW = "stripe-slow"
    STRIPE_DROPS = "stripe-drops"
    """Stripe does what it is asked, and its answers are lost."""
    WEBHOOKS_STOPPED = "webhooks-stopped"
    WEBHOOKS_DOUBLED = "webhooks-doubled"
    WEBHOOKS_SHUFFLED = "webhooks-shuffled"
    WEBHOOKS_LATE = "webhooks-late"
    WEBHOOKS_FORGED = "webhooks-forged"
    POISON = "poison"
    """Records that no consumer can read appear on a topic."""
    REPLAY = "replay"
    """All records of a topic appear once more, the newest first, as when dead letters are sent again long after."""
    READ_ONLY = "read-only"
    """A service's database takes no writes, as after a failover."""


STORES = ("postgres", "ferretdb", "kafka")
PARTIES = ("stripe", "mail")
LINKS = (
    "kafka",
    "user-postgres",
    "payment-postgres",
    "inventory-postgres",
    "notification-postgres",
    "order-ferretdb",
    "payment-stripe",
    "notification-smtp",
    "order-inventory",
    "order-payment",
    "payment-order",
    "inventory-order",
)
TOPICS = ("user-events", "order-events", "payment-events", "inventory-events")
ON_POSTGRES = tuple(service for service in SERVICES if service != "order")

_TARGETS: dict[Kind, Sequence[str]] = {
    Kind.KILL: (*INSTANCES, *STORES, *PARTIES, "edge"),
    Kind.PAUSE: (*INSTANCES, *STORES, "stripe"),
    Kind.OUTAGE: (*SERVICES, *STORES, *PARTIES),
    Kind.CUT: LINKS,
    Kind.SLOW: LINKS,
    Kind.HALF_OPEN: LINKS,
    Kind.POISON: TOPICS,
    Kind.REPLAY: TOPICS,
    Kind.READ_ONLY: ON_POSTGRES,
}
"""What each kind may happen to; the others happen to Stripe's side."""

_SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.KILL: (0, 0),
    Kind.PAUSE: (2, 12),
    Kind.OUTAGE: (HOLD_SECONDS * 1.2, HOLD_SECONDS * 1.6),
    Kind.POISON: (0, 0),
    Kind.REPLAY: (0, 0),
    Kind.WEBHOOKS_FORGED: (0, 0),
}
_OTHERWISE = (3.0, 15.0)
"""How long a fault lasts, least and most."""

_WEIGHTS: dict[Kind, int] = {Kind.KILL: 8, Kind.PAUSE: 3, Kind.OUTAGE: 1, Kind.CUT: 3, Kind.SLOW: 2, Kind.HALF_OPEN: 2}
_PAUSE_BETWEEN = (1.0, 6.0)
_QUIET_AT_THE_END = 5.0


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. Times are seconds since the run began."""

    kind: Kind
    target: str
    at: float
    seconds: float
    """How long it lasts; 0 for what is over at once."""

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.target}{lasting}"


def generate(seed: int, seconds: float, kinds: Collection[Kind] = tuple(Kind)) -> list[Fault]:
    """The plan of a seed: faults of these kinds, in order of time, all over before the run ends."""
    chance = random.Random(seed)
    return list(_faults(chance, seconds, sorted(kinds)))


def _faults(chance: random.Random, seconds: float, kinds: Sequence[Kind]) -> Iterator[Fault]:
    at = chance.uniform(*_PAUSE_BETWEEN)
    weights = [_WEIGHTS.get(kind, 1) for kind in kinds]
    while at < seconds - _QUIET_AT_THE_END:
        (kind,) = chance.choices(kinds, weights)
        target = chance.choice(_TARGETS.get(kind, ("stripe",)))
        lasts = chance.uniform(*_SECONDS.get(kind, _OTHERWISE))
        if at + lasts < seconds:
            yield Fault(kind, target, round(at, 2), round(lasts, 2))
        at += chance.uniform(*_PAUSE_BETWEEN)


def to_json(plan: Sequence[Fault]) -> str:
    """The plan as a file holds it."""
    return json.dumps([asdict(fault) for fault in plan], indent=1)


def from_json(text: str) -> list[Fault]:
    """The plan in a file. Raises ValueError or KeyError for anything else."""
    return [
        Fault(Kind(one["kind"]), one["target"], float(one["at"]), float(one["seconds"])) for one in json.loads(text)
    ]
