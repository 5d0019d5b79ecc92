"""Webhooks of all kinds, each three times, shuffled, forged ones among them: the same state as from a clean run.

Everything happens at Stripe twice: to one world, whose webhooks then come each once and in order; and to its twin,
whose webhooks come in a storm. (What the process answers to a forged one over the wire is in tests/contract and
tests/e2e.)

A thousand webhooks by default; `ARGOSY_STORM_WEBHOOKS=5000` makes it five thousand, which takes five times as long.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from uuid import uuid4

import grpc
from google.api.httpbody_pb2 import HttpBody
from stripe import WebhookSignature

from services.chassis.rpc.call import Call
from services.payment.adapters.stripe.webhooks import BadSignature
from services.payment.adapters.stripe.words import TOPICS
from services.payment.domain.orders import Order
from services.payment.domain.payments import Payment, Status
from services.payment.entrypoints.errors import STATUSES
from services.payment.entrypoints.rpc import PaymentRpc
from services.payment.ports import ProviderAway
from tests.integration.payment.lab import CHALLENGED, DECLINED, VISA, WEBHOOK_SECRET, Lab, intent_of

TAKEN = frozenset(TOPICS)
WANTED = int(os.environ.get("ARGOSY_STORM_WEBHOOKS", "1000"))
TIMES = 3
EXPANDED = 0.3
"""So many of them carry objects in the place of ids."""
FORGED = 0.05
AT_ONCE = 12
"""Fewer than there are connections to the database."""
PARTS = 6
"""How many times money goes back by hand in the stories that have most webhooks."""


@dataclass(frozen=True)
class Played:
    """A payment in one of the worlds, and the webhooks that its story has."""

    story: str
    order: Order
    payment_id: str
    intent_id: str


class World:
    """Payments to which one of the stories has happened, at Stripe alone."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def live(self, stories: Sequence[str]) -> list[Played]:
        """Let all of them happen."""
        return list(await asyncio.gather(*(self._play(story) for story in stories)))

    async def _play(self, story: str) -> Played:
        async with self._at_once:
            card, then = STORIES[story]
            order = self.lab.orders.place()
            payment = await self.lab.pay(order, card)
            intent_id = str((await self.lab.payment(payment.payment_id)).provider_reference)
            await then(self.lab, intent_id)
            return Played(story, order, payment.payment_id, intent_id)


async def nothing(lab: Lab, intent_id: str) -> None:
    """What the card came to was the story."""


async def approved(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.pass_challenge(intent_id)


async def challenge_failed(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.pass_challenge(intent_id, "fail")


async def cancelled_there(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.ask("POST", f"/v1/payment_intents/{intent_id}/cancel")


async def failed_and_paid_otherwise(lab: Lab, intent_id: str) -> None:
    await challenge_failed(lab, intent_id)
    await lab.sandbox.confirm_by_customer(intent_id, VISA)


async def given_back_in_parts(lab: Lab, intent_id: str) -> None:
    for part in range(PARTS):
        await lab.sandbox.refund_by_hand(intent_id, 100 + part)


async def given_back(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.refund_by_hand(intent_id, 5998)


async def approved_and_given_back(lab: Lab, intent_id: str) -> None:
    await approved(lab, intent_id)
    await given_back(lab, intent_id)


async def disputed_and_lost(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.decide((await lab.sandbox.dispute(intent_id))["id"], "lost")


async def disputed_and_won(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.decide((await lab.sandbox.dispute(intent_id))["id"], "won")


async def asked_about(lab: Lab, intent_id: str) -> None:
    await lab.sandbox.decide((await lab.sandbox.dispute(intent_id, inquiry=True))["id"], "won")


Then = Callable[[Lab, str], Awaitable[None]]
STORIES: Mapping[str, tuple[str, Then]] = {
    "declined": (DECLINED, nothing),
    "approved": (CHALLENGED, approved),
    "challenge failed": (CHALLENGED, challenge_failed),
    "cancelled there": (CHALLENGED, cancelled_there),
    "failed and paid otherwise": (CHALLENGED, failed_and_paid_otherwise),
    "given back in parts": (VISA, given_back_in_parts),
    "approved and given back": (CHALLENGED, approved_and_given_back),
    "sent back by the bank": ("pm_card_refundFail", given_back),
    "disputed and lost": (VISA, disputed_and_lost),
    "disputed and won": (VISA, disputed_and_won),
    "asked about": (VISA, asked_about),
}
PLAYED = {
    "declined": 6,
    "approved": 14,
    "challenge failed": 10,
    "cancelled there": 8,
    "failed and paid otherwise": 7,
    "given back in parts": 6,
    "approved and given back": 8,
    "sent back by the bank": 6,
    "disputed and lost": 10,
    "disputed and won": 8,
    "asked about": 6,
}
"""How many times each story is played in a world, for every 500 webhooks."""
WEBHOOKS = {
    "declined": 1,
    "approved": 1,
    "challenge failed": 1,
    "cancelled there": 1,
    "failed and paid otherwise": 2,
    "given back in parts": 1 + 4 * PARTS,
    "approved and given back": 5,
    "sent back by the bank": 6,
    "disputed and lost": 5,
    "disputed and won": 6,
    "asked about": 4,
}
"""How many of those that we take each has."""
NOISE = {"connected": 50, "unparsable": 15, "other_shape": 5, "other_type": 30}
"""How many there are of those that we do not, for every 500."""
UNIT = 500


Webhook = Callable[[], tuple[bytes, str]]


async def test_webhooks_of_all_kinds_three_times_each_shuffled_and_forged(lab: Lab) -> None:
    chance, units = random.Random(11), WANTED // UNIT
    await lab.sandbox.control(webhooks_stopped=True)
    stories = [story for story, times in PLAYED.items() for _ in range(times * units)]
    world = World(lab)
    clean, stormy, unheard = await world.live(stories), await world.live(stories), await world.live(["approved"] * 10)
    events = await webhooks_of(lab, [*clean, *stormy, *unheard])
    in_order = [event for one in clean for event in events[one.intent_id]]
    storm = [event for one in stormy for event in events[one.intent_id]]
    believable = [event for one in (*stormy, *unheard) for event in events[one.intent_id]]
    noise = [make(chance.choice(believable)) for make in NOISE_MAKERS for _ in range(NOISE[make.__name__] * units)]
    assert len(in_order) == len(storm)
    assert len(storm) + len(noise) == units * UNIT

    for event in in_order:
        assert await deliver(lab, *signed(event))
    # Signed when it is sent: a slow machine makes nobody's signature too old.
    delivered = [expanded(event) if chance.random() < EXPANDED else event for event in storm]
    good: list[Webhook] = [partial(signed, event) for event in delivered for _ in range(TIMES)]
    good += [partial(sealed, body) for body in noise for _ in range(TIMES)]
    bad = [partial(forged, chance.choice(believable), number) for number in range(int(len(good) * FORGED))]
    mixed = [(one, True) for one in good] + [(one, False) for one in bad]
    chance.shuffle(mixed)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def send(webhook: Webhook, is_good: bool) -> bool:
        async with at_once:
            return await deliver(lab, *webhook()) == is_good

    assert all(await asyncio.gather(*(send(*one) for one in mixed)))
    # No reconciler has run: whatever is known came by webhooks.
    for story, ours, theirs in zip(stories, await states(lab, clean), await states(lab, stormy), strict=True):
        assert ours == theirs, story
    for one in unheard:
        assert (await lab.payment(one.payment_id)).status is Status.REQUIRES_ACTION
        assert await lab.published(one.order) == {"PAYMENT_REQUIRES_ACTION": 1}
    await money_agrees(lab, [*clean, *stormy])


def connected(event: Any) -> bytes:
    """Of an account that is connected to ours; each would change something, were it ours."""
    return json.dumps({**event, "id": f"evt_{uuid4().hex}", "account": "acct_1"}).encode()


def unparsable(event: Any) -> bytes:
    """Cut off, as by a proxy."""
    return json.dumps(event).encode()[:-20]


def other_shape(event: Any) -> bytes:
    """A thin event: https://docs.stripe.com/event-destinations."""
    about = {"id": event["data"]["object"]["id"], "type": event["data"]["object"]["object"], "url": "/v1/"}
    return json.dumps({"id": event["id"], "object": "v2.core.event", "type": "v1", "related_object": about}).encode()


def other_type(event: Any) -> bytes:
    """Of a kind that we do not follow."""
    return json.dumps({**event, "id": f"evt_{uuid4().hex}", "type": "payment_intent.partially_funded"}).encode()


NOISE_MAKERS = (connected, unparsable, other_shape, other_type)


def expanded(event: Any) -> Any:
    """With objects in the place of ids."""
    subject = dict(event["data"]["object"])
    for field in ("payment_intent", "charge"):
        if isinstance(subject.get(field), str):
            subject[field] = {"id": subject[field], "object": field}
    return {**event, "data": {**event["data"], "object": subject}}


async def webhooks_of(lab: Lab, payments: Sequence[Played]) -> dict[str, list[Any]]:
    """By intent, oldest first, as soon as there are as many as the stories have."""
    wanted = sum(WEBHOOKS[one.story] for one in payments)
    intents = {one.intent_id for one in payments}
    async with asyncio.timeout(120):
        while True:
            found: dict[str, list[Any]] = {intent_id: [] for intent_id in intents}
            for event in await lab.sandbox.all_events():
                intent_id = intent_of(event["data"]["object"])
                if event["type"] in TAKEN and intent_id in found:
                    found[intent_id].append(event)
            if sum(map(len, found.values())) >= wanted:
                return found
            await asyncio.sleep(0.5)


def signed(event: Any, *, secret: str | None = None, age: int = 0) -> tuple[bytes, str]:
    return sealed(json.dumps(event).encode(), secret=secret, age=age)


def sealed(payload: bytes, *, secret: str | None = None, age: int = 0) -> tuple[bytes, str]:
    """A body, signed as Stripe signs."""
    key = secret or WEBHOOK_SECRET.get_secret_value()
    header = WebhookSignature.generate_signature_header(payload.decode(), key, timestamp=int(time.time()) - age)
    return payload, header


def forged(event: Any, number: int) -> tuple[bytes, str]:
    """What somebody without the secret could send, or could have kept."""
    new = {**event, "id": f"evt_{uuid4().hex}"}
    match number % 4:
        case 0:
            return signed(new, secret="whsec_guessed")
        case 1:
            return json.dumps(new).encode(), signed(event)[1]
        case 2:
            return signed(new, age=400)
        case _:
            return json.dumps(new).encode(), "t=1,v1=00"


async def deliver(lab: Lab, payload: bytes, signature: str) -> bool:
    """As Stripe does: again, while we cannot take it. False: refused, as what the edge makes a 400 of."""
    nothing: dict[str, Any] = dict.fromkeys(PaymentRpc.__dataclass_fields__)
    rpc = PaymentRpc(**{**nothing, "webhooks": lab.handle_webhook})
    call = cast(Call, _Metadata({"stripe-signature": signature}))
    while True:
        try:
            answer = await rpc.HandleStripeWebhook(HttpBody(data=payload), call)
        except BadSignature:
            assert STATUSES[BadSignature].status is grpc.StatusCode.INVALID_ARGUMENT
            return False
        except ProviderAway:
            await asyncio.sleep(0.2)
        else:
            assert answer.received
            return True


@dataclass(frozen=True)
class _Metadata:
    """All that taking a webhook needs of a call."""

    metadata: Mapping[str, str]


async def states(lab: Lab, payments: Sequence[Played]) -> list[Any]:
    """All that webhooks decide about each payment."""
    return [await state(lab, one) for one in payments]


async def state(lab: Lab, one: Played) -> Any:
    payment = await lab.payment(one.payment_id)
    return (
        payment.status,
        payment.late,
        payment.error_code,
        payment.decline_code,
        payment.provider_fee,
        payment.net_amount,
        payment.close_charge,
        payment.dispute,
        await disputes(lab, payment),
        sorted(await lab.ledger(one.order)),
        sorted((refund.amount.minor, refund.status, refund.reason) for refund in await lab.refunds(one.payment_id)),
        await lab.published(one.order),
    )


async def disputes(lab: Lab, payment: Payment) -> list[tuple[str, str, str]]:
    async with lab.postgres.connection() as connection:
        rows = await connection.fetch("SELECT * FROM disputes WHERE payment_id = $1 ORDER BY 1", payment.id)
    return [(str(row["amount"]), row["reason"], row["status"]) for row in rows]


async def money_agrees(lab: Lab, payments: Sequence[Played]) -> None:
    """The books and Stripe are of one mind on each payment."""
    charges = {charge["payment_intent"]: charge for charge in await lab.sandbox.charges() if charge["amount_captured"]}
    taken: Counter[str] = Counter()
    for dispute in await lab.sandbox.disputes():
        taken[dispute["payment_intent"]] -= sum(line["amount"] for line in dispute["balance_transactions"])
    for one in payments:
        booked: Counter[str] = Counter()
        for entry, amount in await lab.ledger(one.order):
            booked[entry] += round(float(amount) * 100)
        charge = charges.get(one.intent_id, {"amount_captured": 0, "amount_refunded": 0})
        assert booked["capture"] == charge["amount_captured"], one.story
        assert booked["refund"] - booked["refund_reversal"] == charge["amount_refunded"], one.story
        assert booked["dispute"] - booked["dispute_reversal"] == taken[one.intent_id], one.story
