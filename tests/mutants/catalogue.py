"""The mutations, each with the run that has to catch it.

`caught` is what the checker's sentence must match: of the many consequences of a mistake, the one that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.plan import Fault, Kind
from tests.mutants.scratch import Replacement


@dataclass(frozen=True)
class Mutation:
    """A mistake, and what brings it to light."""

    name: str
    meaning: str
    change: Replacement
    caught: str
    """A regular expression; one of the checker's sentences matches it."""
    plan: Sequence[Fault] = ()
    seed: int = 7
    seconds: float = 14.0
    """How long customers buy, and faults happen."""


def _kills(at: float, *parts: str) -> tuple[Fault, ...]:
    return tuple(Fault(Kind.KILL, part, at, 0.0) for part in parts)


_PAYMENTS = ("payment", "payment-2")
_MAILERS = ("notification", "notification-2")
_PROCESS = "            await self._process(record, self._stopping)\n"
_OFFSET = "            self.next_offset = record.offset + 1\n"
_PUBLISHERS = ("user", "user-2", "order", "order-2", "payment", "payment-2", "inventory", "inventory-2")

MUTATIONS = (
    Mutation(
        "no-ledger-line",
        "A payment is recorded without the line of its money in the ledger",
        Replacement("ledger=(line, *settled.ledger),", "ledger=settled.ledger,"),
        r"payment \S+: booked 0",
        seconds=8.0,
    ),
    Mutation(
        "cancelled-keeps-money",
        "A cancelled order's money is not given back",
        Replacement(
            "    if not payment.give_back:\n        return GivingBack(payment)\n",
            "    if payment is not None:\n        return GivingBack(payment)\n",
        ),
        r"order \S+ is cancelled and paid",
        seconds=8.0,
    ),
    Mutation(
        "no-inbox",
        "A consumer does not ask the inbox whether an event was applied before",
        Replacement("    return inserted is not None\n", "    return True\n"),
        r"mails to \S+ go to another address or name",
        # To read the topic and send it anew takes seconds; the run must not end before.
        (Fault(Kind.REPLAY, "user-events", 20.6, 0.0),),
        seed=116,
        seconds=38.0,
    ),
    Mutation(
        "publish-before-commit",
        "An order's event is published before its commit is stored",
        Replacement(
            "        await self.commits.append(commit)\n        longer = (*history, commit)\n",
            "        longer = (*history, commit)\n"
            "        await self.announce(longer)\n        await self.commits.append(commit)\n",
        ),
        r"event \S+ of \S+ is on the bus with two contents",
        (Fault(Kind.SLOW, "order-ferretdb", 2.0, 16.0),),
        seconds=20.0,
    ),
    Mutation(
        "no-key-at-stripe",
        "Stripe is asked for a charge without an idempotency key",
        Replacement(
            '"", params, {"idempotency_key": payment.key})',
            '"", params, {})',
        ),
        r"payment \S+ has \d+ intents at Stripe",
        (Fault(Kind.STRIPE_SLOW, "stripe", 2.0, 10.0), *_kills(9.0, *_PAYMENTS)),
    ),
    Mutation(
        "released-by-time",
        "Stock is released when a hold's time is over, without asking what became of the order",
        Replacement(
            "states = await self.orders.resolve(ended)",
            "states = dict.fromkeys(ended, OrderState.CLOSED)",
        ),
        r"order \S+: its stock was released because time passed",
        (Fault(Kind.OUTAGE, "kafka", 4.0, 22.0),),
        seconds=28.0,
    ),
    Mutation(
        "409-is-absence",
        "Stripe's answer that a request is still under way (409) counts as its absence",
        Replacement(
            "if error.http_status is None:",
            "if error.http_status in (None, 409):",
        ),
        r"the circuit breaker before stripe opened, and stripe answered",
        (Fault(Kind.STRIPE_SLOW, "stripe", 1.0, 18.0),),
        seconds=20.0,
    ),
    Mutation(
        "marked-before-acknowledged",
        "The relay marks events as published before the broker has acknowledged them",
        Replacement(
            "        sent: list[Unsent] = []\n        async with",
            "        sent: list[Unsent] = []\n        await outbox.mark_sent(entries)\n        async with",
        ),
        r"is not on the bus|is on the bus$",
        (Fault(Kind.HALF_OPEN, "kafka", 3.0, 8.0), *_kills(9.0, *_PUBLISHERS)),
    ),
    Mutation(
        "outcome-not-read",
        "A charge whose answer was lost counts as one that never happened: nobody reads its outcome",
        Replacement(
            'await self.recorder.charges.unanswered(payment, "unknown", key_is_spent=spent)\n            raise\n',
            "raise NotAuthorized from unknown\n",
        ),
        r"order \S+ was charged \d+ times",
        (Fault(Kind.STRIPE_SLOW, "stripe", 2.0, 10.0), Fault(Kind.WEBHOOKS_STOPPED, "stripe", 1.0, 16.0)),
        seconds=18.0,
    ),
    Mutation(
        "version-ignored",
        "An order's commit replaces another of the same version",
        Replacement(
            "await self._commits.insert_one(_document(commit))",
            'await self._commits.replace_one({"_id": commit.id}, _document(commit), upsert=True)',
        ),
        r"event \S+ of \S+ is on the bus with two contents",
        (Fault(Kind.SLOW, "order-ferretdb", 2.0, 16.0),),
        seconds=20.0,
    ),
    Mutation(
        "offset-before-effect",
        "A consumer commits how far it is before the event has taken effect",
        Replacement(
            f"{_PROCESS}{_OFFSET}",
            f"{_OFFSET}{_PROCESS}",
        ),
        r"order \S+: 0 messages of type",
        # Long enough that on each partition an event waits for the database when its consumer is killed.
        (Fault(Kind.READ_ONLY, "notification", 3.0, 14.0), *_kills(13.0, *_MAILERS)),
        seconds=20.0,
    ),
)


def named(name: str) -> Mutation:
    """The mutation of that name. Raises ValueError for an unknown one."""
    for mutation in MUTATIONS:
        if mutation.name == name:
            return mutation
    raise ValueError(f"there is no mutation {name!r}; the mutations are {', '.join(one.name for one in MUTATIONS)}")
