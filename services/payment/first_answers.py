"""What CreatePayment answers, the first time and each time it is repeated with the same key.

Kept is the payment as it was answered, without the challenge's client secret: that is Stripe's, and asked for again. A
payment whose request Stripe refused is kept as failed, and told as the error that it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from argosy.payment.v1 import payment_pb2
from services.chassis import idempotency
from services.chassis.postgres import Postgres
from services.payment import store
from services.payment.domain import OrderNotPayable, Payment, Refusal, Status
from services.payment.messages import payment_message
from services.payment.stripe_gateway import StripeGateway


class PaymentMethodRefused(Exception):
    """Stripe does not know the payment method, or it cannot be used here."""

    violations = (("paymentMethodId", "must be a payment method that exists at Stripe and can be charged"),)

    def __init__(self) -> None:
        super().__init__("the payment provider does not accept this payment method; use another one")


class CustomerRefused(Exception):
    """The customer at Stripe is not the caller's own."""

    violations = (("customerId", "must be your own customer at Stripe"),)

    def __init__(self) -> None:
        super().__init__("customerId: must be a customer of your own")


class KeptUnder(NamedTuple):
    """Where an answer is kept."""

    scope: str
    key: str
    fingerprint: bytes


class Repeat(NamedTuple):
    """A call with a key that an earlier one has used."""

    where: KeptUnder
    answer: bytes | None
    """What that one answered; None: it has not yet."""


@dataclass(frozen=True)
class FirstAnswers:
    """Makes the answers, and finds those that are kept."""

    postgres: Postgres
    gateway: StripeGateway

    async def first(
        self, where: KeptUnder, payment: Payment, client_secret: str | None, outcome_known: bool
    ) -> payment_pb2.Payment:
        """The answer to the call that began the payment: what is kept, for others may have been answered already.

        It was kept together with the outcome, by whoever wrote that; where none is known, it is kept now.
        """
        if not outcome_known:
            async with self.postgres.transaction("payment.first_answer") as connection:
                await idempotency.answer(connection, where.scope, where.key, payment_message(payment))
        kept = await idempotency.wait_for_answer(self.postgres, *where)
        return await self.complete(payment_pb2.Payment.FromString(kept), client_secret)

    async def again(self, repeat: Repeat) -> payment_pb2.Payment:
        """The answer to a call that repeats one, as soon as that one has been answered.

        Raises:
            IdempotencyInFlight: it has not within this call's deadline.
        """
        kept = repeat.answer or await idempotency.wait_for_answer(self.postgres, *repeat.where)
        return await self.complete(payment_pb2.Payment.FromString(kept))

    async def complete(self, answer: payment_pb2.Payment, client_secret: str | None = None) -> payment_pb2.Payment:
        """An answer as it is kept, with what is not kept of it.

        Raises:
            PaymentMethodRefused, CustomerRefused, OrderNotPayable: that is what the answer was.
            OutcomeUnknown, NotAuthorized: Stripe does not tell the client secret now.
        """
        if answer.status == Status.FAILED and not answer.HasField("decline_code"):  # no card was tried
            _raise_refusal(await self._payment(answer))
        if answer.requires_action:
            answer.client_secret = client_secret or await self._client_secret(answer)
        return answer

    async def _client_secret(self, answer: payment_pb2.Payment) -> str:
        intent_id = (await self._payment(answer)).intent_id
        intent = await self.gateway.look_up(intent_id) if intent_id else None
        return (intent and intent.client_secret) or ""

    async def _payment(self, answer: payment_pb2.Payment) -> Payment:
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, UUID(answer.payment_id))
        if payment is None:
            raise RuntimeError(f"payment {answer.payment_id} was answered, and is gone")
        return payment


def _raise_refusal(payment: Payment) -> None:
    match payment.refusal:
        case Refusal.PAYMENT_METHOD:
            raise PaymentMethodRefused
        case Refusal.CUSTOMER:
            raise CustomerRefused
        case Refusal.AMOUNT:
            raise OrderNotPayable("the payment provider does not accept this amount")
