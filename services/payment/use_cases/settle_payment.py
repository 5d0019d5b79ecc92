"""Take the next step of a payment at Stripe, and write what came of it.

The one way in which a payment goes on, whoever asks: the call that begins it, the customer who comes back from a
challenge, the reconciler after a crash. No step is taken inside a transaction, and each may be taken again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from services.chassis import clock
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import CancellationReason, Intent, Payment, Refusal, Step
from services.payment.recorder import Recorder
from services.payment.stripe_gateway import (
    KeyUsedOtherwise,
    NoSuchIntent,
    NotAsked,
    NotAuthorized,
    OutcomeUnknown,
    Refused,
    ServersFail,
    StripeGateway,
)

_log = structlog.get_logger()


class RequestRefused(Exception):
    """Stripe finds fault with a request of ours that the customer has no part in. Nobody's business but our own."""


@dataclass(frozen=True)
class Settled:
    """A payment after a step, and what the customer's browser needs if it waits for a challenge."""

    payment: Payment
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SettlePayment:
    """Asks, looks up, searches or cancels at Stripe, whatever is due, and writes the outcome."""

    postgres: Postgres
    gateway: StripeGateway
    recorder: Recorder
    search_lag: timedelta
    """How far Stripe's search may be behind."""

    async def __call__(self, payment: Payment) -> Settled:
        """Take the step that is due now.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now; nothing was written.
            NoSuchIntent: Stripe does not know it; that was written, for a person.
            IntentMismatch: what Stripe has is not what we asked for; nothing was written.
            RequestRefused: as `ask`.
        """
        try:
            return await self._step(payment)
        except NoSuchIntent:
            await self.recorder.unknown_at_stripe(payment)
            raise

    async def _step(self, payment: Payment) -> Settled:
        match domain.next_step(payment, clock.now()):
            case Step.ASK:
                return await self._ask_again(payment)
            case Step.SEARCH:
                return await self._search(payment)
            case Step.LOOK_UP if payment.intent_id is not None:
                return await self.learn(payment, await self.gateway.look_up(payment.intent_id))
            case Step.CANCEL if payment.intent_id is not None:
                return await self.learn(payment, await self.gateway.cancel(payment.intent_id, _reason(payment)))
            case Step.GIVE_BACK if payment.intent_id is not None:
                await self._go_on_giving_back(payment, payment.intent_id)
        return Settled(payment)

    async def ask(self, payment: Payment) -> Settled:
        """Ask Stripe to charge, under the payment's key, for the first time.

        Raises:
            OutcomeUnknown: the payment goes on without us: the reconciler asks again.
            NotAuthorized, NotAsked: nothing happened; the payment is withdrawn, and the order can still be paid.
            RequestRefused: the same, by a fault of ours.
            IntentMismatch: as above.
        """
        try:
            return await self._ask(payment)
        except NotAuthorized:
            # Left live, it would be charged whenever somebody mends the key, by which time nobody expects it.
            await self.recorder.withdrawal(payment, "not_authorized")
            raise
        except NotAsked:
            await self.recorder.withdrawal(payment, "circuit_open", asked=False)
            raise

    async def learn(self, payment: Payment, intent: Intent) -> Settled:
        """Write what Stripe has just said of the payment's intent. Raises IntentMismatch."""
        return Settled(await self.recorder.intent(payment, intent), intent.client_secret)

    async def _ask_again(self, payment: Payment) -> Settled:
        async with self.postgres.connection() as connection:
            if not await store.begin_asking(connection, payment, clock.now()):
                return Settled(payment)
        try:
            return await self._ask(payment)
        except NotAuthorized:
            await self.recorder.unanswered(payment, "not_authorized")
            raise

    async def _ask(self, payment: Payment) -> Settled:
        try:
            intent = await self.gateway.ask(payment)
        except OutcomeUnknown as unknown:
            await self.recorder.unanswered(payment, "unknown", key_is_spent=isinstance(unknown, ServersFail))
            raise
        except KeyUsedOtherwise:
            await self.recorder.unanswered(payment, "key_used_otherwise", key_is_spent=True)
            return await self._search(payment)
        except Refused as refused:
            return await self._refused(payment, refused)
        return Settled(await self.recorder.intent(payment, intent, asked=True), intent.client_secret)

    async def _refused(self, payment: Payment, refused: Refused) -> Settled:
        if refused.refusal is Refusal.REQUEST:
            _log.error("stripe_refuses_our_request", payment_id=str(payment.id), code=refused.code)
            await self.recorder.withdrawal(payment, refused.code)
            raise RequestRefused from refused
        return Settled(await self.recorder.refusal(payment, refused.refusal, refused.code))

    async def _search(self, payment: Payment) -> Settled:
        """Find out whether Stripe knows the payment, without asking it to charge."""
        found = await self.gateway.search(payment.id)
        if found is not None:
            return await self.learn(payment, found)
        now = clock.now()
        if not domain.may_conclude(payment, now, self.gateway.takes_at_most + self.search_lag):
            return Settled(payment)
        if payment.close_intent or not domain.may_take_another_key(payment, now):
            return Settled(await self.recorder.never_charged(payment))
        async with self.postgres.connection() as connection:
            taken = await store.take_next_key(connection, payment)
        return await self._ask_again(domain.with_next_key(payment)) if taken else Settled(payment)

    async def _go_on_giving_back(self, payment: Payment, intent_id: str) -> None:
        """Whatever has happened to the money meanwhile, and whoever did not tell us."""
        if payment.dispute is not None:
            for dispute in await self.gateway.disputes_of(intent_id):
                await self.recorder.dispute(payment, dispute)
        for refund in await self.gateway.refunds_of(intent_id):
            await self.recorder.refund(payment, refund)
        await self.recorder.give_back(payment)


def _reason(payment: Payment) -> CancellationReason:
    """A live payment that is to be closed is one whose order was cancelled; else the customer never finished."""
    return "requested_by_customer" if payment.is_live and payment.close_intent else "abandoned"
