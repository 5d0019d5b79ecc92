"""Take a webhook of Stripe's.

A webhook says that something happened to an intent, not what it is now: webhooks come late, twice and in any order. So
what it is now is asked of Stripe, unless there is nothing left to learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import IntentMismatch, Payment
from services.payment.stripe_answers import WebhookEvent, read_webhook
from services.payment.stripe_gateway import StripeGateway
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

_INTENT_EVENTS = frozenset({"payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled"})
_REFUND_EVENTS = frozenset({"charge.refunded", "refund.updated"})

_log = structlog.get_logger()


@dataclass(frozen=True)
class HandleWebhook:
    """Brings a payment to where Stripe has it."""

    postgres: Postgres
    gateway: StripeGateway
    settle: SettlePayment
    settle_refund: SettleRefund
    secret: SecretStr

    async def __call__(self, payload: bytes, signature: str) -> None:
        """Take effect of it, once; events of other kinds and of others' intents are none of ours.

        Raises:
            BadSignature: nothing was changed.
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now; it will send the webhook again.
        """
        event = read_webhook(payload, signature, self.secret)
        if event.type not in _INTENT_EVENTS | _REFUND_EVENTS:
            return
        payment = await self._payment_of(event)
        if payment is None or _nothing_to_learn(event, payment):
            return
        try:
            await self._apply(event, payment)
        except IntentMismatch as mismatch:  # sent again, it would be no other
            _log.error("webhook_of_a_foreign_intent", stripe_event=event.id, error=str(mismatch))
        async with self.postgres.transaction() as connection:
            await store.webhook_processed(connection, event.id, event.type)

    async def _payment_of(self, event: WebhookEvent) -> Payment | None:
        """Whose event it is, unless it has taken effect.

        The row is there before Stripe hears of the payment, but may not know its intent yet: hence the metadata.
        """
        async with self.postgres.connection() as connection:
            if event.intent_id is None or await store.webhook_was_processed(connection, event.id):
                return None
            payment = await store.find_by_intent(connection, event.intent_id)
            if payment is None and event.payment_id is not None:
                payment = await store.find_payment(connection, event.payment_id)
            return payment

    async def _apply(self, event: WebhookEvent, payment: Payment) -> None:
        assert event.intent_id is not None  # noqa: S101 - _payment_of found the payment by it
        is_refund = event.type in _REFUND_EVENTS
        if not (is_refund and payment.is_paid):
            payment = (await self.settle.learn(payment, await self.gateway.look_up(event.intent_id))).payment
        if is_refund:
            await self.settle_refund.look_up_all(payment, event.intent_id)


def _nothing_to_learn(event: WebhookEvent, payment: Payment) -> bool:
    """Most webhooks tell what the answer to our own request has told before."""
    match event.type:
        case "payment_intent.succeeded":
            return payment.is_paid and not domain.awaits_settlement(payment)
        case "payment_intent.payment_failed":
            return not payment.is_live
        case "payment_intent.canceled":
            return not (payment.is_live or payment.close_intent)
    return False
