"""Which fault happens when. A plan follows from a seed, and can be written down, cut short and replayed."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from facts.system import system, topic_of
from local.ports import SERVICES
from tests.chaos import crashes
from tests.chaos.layout import HOLD_SECONDS, INSTANCES, LINKS


class Kind(StrEnum):
    """What can happen."""

    KILL = "kill"
    """kill -9; the supervisor starts the part again."""
    CRASH = "crash"
    """An instance dies at a named crash point, if it comes there while the point is armed."""
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
    STRIPE_FAILS = "stripe-fails"
    STRIPE_FAILS_AFTER = "stripe-fails-after"
    """Stripe answers with 500 and has done nothing, or everything; it keeps that answer under the key."""
    STRIPE_BUSY = "stripe-busy"
    STRIPE_UNAUTHORIZED = "stripe-unauthorized"
    """Stripe answers with 429 or 401, and has done nothing."""
    REFUNDS_BOUNCE = "refunds-bounce"
    """The bank sends back refunds that had succeeded."""
    WEBHOOKS_STOPPED = "webhooks-stopped"
    WEBHOOKS_LOST = "webhooks-lost"
    """They pile up until the fault is over; or nobody ever gets them."""
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
    FULL_DISK = "full-disk"
    """The file system of PostgreSQL has no space left."""
    CLOCK = "clock"
    """The clock of an instance jumps ahead or falls behind, and returns."""


BY_DEFAULT = tuple(kind for kind in Kind if kind not in (Kind.WEBHOOKS_LOST, Kind.REPLAY))
"""Those that happen unless others are named. Of what somebody does in Stripe's dashboard the payment service hears by
webhooks alone: after webhooks that are lost the books are wrong. A replay late in a long run is so much to read that
the time to converge from other faults cannot be measured."""

STORES = ("postgres", "ferretdb", "kafka")
PARTIES = ("stripe", "mail")
TOPICS = tuple(topic_of(service) for service in system().publishers)
ON_POSTGRES = tuple(one.name for one in system().with_store("postgres"))

CLOCK_SECONDS = 20
"""How far a clock goes wrong: about as long as an order waits for its payment on the scaled stack."""
AT_ONCE = (
    *(Kind.KILL, Kind.POISON, Kind.REPLAY, Kind.WEBHOOKS_FORGED, Kind.REFUNDS_BOUNCE),
    *(Kind.STRIPE_DROPS, Kind.STRIPE_FAILS, Kind.STRIPE_FAILS_AFTER, Kind.STRIPE_BUSY, Kind.STRIPE_UNAUTHORIZED),
)
"""Kinds that are over as soon as they have happened."""

_TARGETS: dict[Kind, Sequence[str]] = {
    Kind.KILL: (*INSTANCES, *STORES, *PARTIES, "edge"),
    Kind.CRASH: crashes.TARGETS,
    Kind.PAUSE: (*INSTANCES, *STORES, "stripe"),
    Kind.OUTAGE: (*SERVICES, *STORES, *PARTIES),
    Kind.CUT: LINKS,
    Kind.SLOW: LINKS,
    Kind.HALF_OPEN: LINKS,
    Kind.POISON: TOPICS,
    Kind.REPLAY: TOPICS,
    Kind.READ_ONLY: ON_POSTGRES,
    Kind.FULL_DISK: ("postgres",),
    Kind.CLOCK: tuple(
        f"{instance} {shift:+d} s" for instance in INSTANCES for shift in (-CLOCK_SECONDS, CLOCK_SECONDS)
    ),
}
"""What each kind may happen to; the others happen to Stripe's side."""

_SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.PAUSE: (2, 12),
    Kind.OUTAGE: (HOLD_SECONDS * 1.2, HOLD_SECONDS * 1.6),
    **dict.fromkeys(AT_ONCE, (0, 0)),
}
_OTHERWISE = (3.0, 15.0)
"""How long a fault lasts, least and most."""

_WEIGHTS: dict[Kind, int] = {
    Kind.KILL: 8,
    Kind.CRASH: 12,
    Kind.PAUSE: 3,
    Kind.OUTAGE: 1,
    Kind.CUT: 3,
    Kind.SLOW: 2,
    Kind.HALF_OPEN: 2,
}
_PAUSE_BETWEEN = (1.0, 6.0)
LULL_SECONDS = 15.0
"""After a burst of faults nothing happens for at least so long, and at most twice as long."""
_TIME_FOR_LULLS = 60.0
"""A run shorter than this is one burst."""
_NO_END = 1_000_000
_BURST = (3, 7)
"""After so many faults nothing happens for so many seconds: what comes before shows how long it takes to converge."""
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


def kinds_of(names: str) -> list[Kind]:
    """The kinds in a list with commas; for an empty one those that happen by default.

    Raises ValueError, which names what can be asked for.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in set(Kind)]:
        raise ValueError(f"there is no fault {', '.join(unknown)}; FAULTS takes any of {', '.join(Kind)}")
    return [Kind(name) for name in wanted] or list(BY_DEFAULT)


def generate(seed: int, seconds: float, kinds: Collection[Kind] = BY_DEFAULT) -> list[Fault]:
    """The plan of a seed: faults of these kinds, in order of time, all over before the run ends."""
    chance = random.Random(seed)
    return list(_faults(chance, seconds, sorted(kinds)))


def _faults(chance: random.Random, seconds: float, kinds: Sequence[Kind]) -> Iterator[Fault]:
    at = chance.uniform(*_PAUSE_BETWEEN)
    bursts = _BURST if seconds >= _TIME_FOR_LULLS else (_NO_END, _NO_END)
    left = chance.randint(*bursts)
    weights = [_WEIGHTS.get(kind, 1) for kind in kinds]
    while at < seconds - _QUIET_AT_THE_END:
        (kind,) = chance.choices(kinds, weights)
        target = chance.choice(_TARGETS.get(kind, ("stripe",)))
        lasts = chance.uniform(*_SECONDS.get(kind, _OTHERWISE))
        if at + lasts < seconds:
            yield Fault(kind, target, round(at, 2), round(lasts, 2))
        left -= 1
        at += chance.uniform(*_PAUSE_BETWEEN) if left else lasts + chance.uniform(LULL_SECONDS, 2 * LULL_SECONDS)
        left = left or chance.randint(*bursts)


def clock_of(target: str) -> tuple[str, int]:
    """The instance whose clock goes wrong, and by how many seconds, of a target such as `order-2 +20 s`."""
    instance, seconds, _ = target.split()
    return instance, int(seconds)


def to_json(plan: Sequence[Fault]) -> str:
    """The plan as a file holds it."""
    return json.dumps([asdict(fault) for fault in plan], indent=1)


def from_json(text: str) -> list[Fault]:
    """The plan in a file. Raises ValueError or KeyError for anything else."""
    return [
        Fault(Kind(one["kind"]), one["target"], float(one["at"]), float(one["seconds"])) for one in json.loads(text)
    ]
