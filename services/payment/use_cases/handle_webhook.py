"""Take a webhook of Stripe's.

A webhook says that something happened to an intent, not what it is now: webhooks come late, twice and in any order. So
what it is now is asked of Stripe, unless there is nothing left to learn. One that is Stripe's is never refused: Stripe
would send it again for days, and close the whole endpoint in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from prometheus_client import Counter
from pydantic import SecretStr

from services.chassis.metrics import show_from_the_start
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import IntentMismatch, Payment
from services.payment.recorder import Recorder
from services.payment.stripe_gateway import NoSuchIntent, StripeGateway
from services.payment.stripe_webhooks import BadSignature, NotForUs, Passed, WebhookEvent, read_webhook
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

INTENT_EVENTS = frozenset({"payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled"})
REFUND_EVENTS = frozenset(
    {"charge.refunded", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed"}
)
"""Which of them are sent depends on the version of the API: https://docs.stripe.com/refunds#refund-webhooks."""
DISPUTE_EVENTS = frozenset(
    f"charge.dispute.{what}" for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
)

TAKEN, KNOWN, FOREIGN, FORGED = "taken", "known", "foreign", "bad_signature"
_webhooks = Counter("argosy_stripe_webhooks", "Webhooks of Stripe's, by what became of each.", ["result"])
show_from_the_start(_webhooks, (TAKEN, KNOWN, FOREIGN, FORGED, *Passed))
_log = structlog.get_logger()


@dataclass(frozen=True)
class HandleWebhook:
    """Brings a payment to where Stripe has it."""

    postgres: Postgres
    gateway: StripeGateway
    settle: SettlePayment
    settle_refund: SettleRefund
    recorder: Recorder
    secret: SecretStr

    async def __call__(self, payload: bytes, signature: str) -> None:
        """Take effect of it, once. What is Stripe's and tells us nothing is counted, and that is all.

        Raises:
            BadSignature: nothing was changed.
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now; it will send the webhook again.
        """
        try:
            result = await self._take(read_webhook(payload, signature, self.secret))
        except BadSignature:
            _webhooks.labels(FORGED).inc()
            raise
        except NotForUs as passed:
            result = passed.why
            if passed.why in (Passed.UNPARSABLE, Passed.OTHER_SHAPE):
                _log.warning("webhook_not_understood", why=passed.why.value)
        _webhooks.labels(result).inc()

    async def _take(self, event: WebhookEvent) -> str:
        if event.type not in INTENT_EVENTS | REFUND_EVENTS | DISPUTE_EVENTS:
            raise NotForUs(Passed.OTHER_TYPE)
        payment = await self._payment_of(event)
        intent_id = event.intent_id or (payment.intent_id if payment else None)
        if payment is None or intent_id is None:
            raise NotForUs(Passed.UNKNOWN_PAYMENT)
        result = KNOWN
        try:
            if not await self._nothing_to_learn(event, payment):
                result = TAKEN
                await self._apply(event, payment, intent_id)
        except IntentMismatch as mismatch:  # sent again, it would be no other
            _log.error("webhook_of_a_foreign_intent", stripe_event=event.id, error=str(mismatch))
            result = FOREIGN
        except NoSuchIntent:  # that either; and if the intent is one that we go by, it is for a person
            result = FOREIGN
            if payment.intent_id == intent_id:
                await self.recorder.unknown_at_stripe(payment)
        async with self.postgres.transaction("payment.webhook") as connection:
            await store.webhook_processed(connection, event.id, event.type, payment.id)
        return result

    async def _payment_of(self, event: WebhookEvent) -> Payment | None:
        """Whose event it is.

        The row is there before Stripe hears of the payment, but may not know its intent yet: hence the metadata. An
        event about a charge need not name the intent: hence the books.
        """
        async with self.postgres.connection() as connection:
            payment = await store.find_by_intent(connection, event.intent_id) if event.intent_id else None
            if payment is None and event.payment_id is not None and event.intent_id is not None:
                payment = await store.find_payment(connection, event.payment_id)
            if payment is None and event.charge_id is not None:
                payment = await store.find_by_charge(connection, event.charge_id)
            return payment

    async def _nothing_to_learn(self, event: WebhookEvent, payment: Payment) -> bool:
        """Most webhooks tell what the answer to our own request has told before."""
        async with self.postgres.connection() as connection:
            if await store.webhook_was_processed(connection, event.id):
                return True
            if event.refund_id is not None and event.refund_status is not None:
                return await store.refund_is(connection, event.refund_id, event.refund_status)
        match event.type:
            case "payment_intent.succeeded":
                return payment.is_paid and not domain.awaits_settlement(payment)
            case "payment_intent.payment_failed":
                return not payment.is_live
            case "payment_intent.canceled":
                return not (payment.is_live or payment.close_intent)
        return False

    async def _apply(self, event: WebhookEvent, payment: Payment, intent_id: str) -> None:
        if event.type in INTENT_EVENTS or not payment.is_paid:
            payment = (await self.settle.learn(payment, await self.gateway.look_up(intent_id))).payment
        if event.type in REFUND_EVENTS:
            await self.settle_refund.look_up_all(payment, intent_id)
        if event.type in DISPUTE_EVENTS:
            for dispute in await self.gateway.disputes_of(intent_id):
                await self.recorder.dispute(payment, dispute)
