"""What CreatePayment answers, the first time and each time it is repeated with the same key.

The payment is kept as it was answered, without the challenge: that is the provider's, and asked for again. A
payment whose request the provider refused is kept as failed, and answered with the error that it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.payment.domain.answers import PaymentAnswer, payment_answer
from services.payment.domain.charges import Challenge, Refusal
from services.payment.domain.orders import OrderNotPayable
from services.payment.domain.payments import CustomerRefused, Payment, PaymentMethodRefused, Status
from services.payment.ports import KeptUnder, Providers, Replay, Work


@dataclass(frozen=True)
class FirstAnswers:
    """Makes the answers, and finds those that are kept."""

    work: Work
    providers: Providers

    async def first(
        self, where: KeptUnder, payment: Payment, challenge: Challenge | None, outcome_known: bool
    ) -> PaymentAnswer:
        """The answer to the call that began the payment: what is kept, because others may have been answered already.

        It was kept together with the outcome, by whoever wrote that; where none is known, it is kept now.
        """
        if not outcome_known:
            async with self.work.begin("payment.first_answer") as unit:
                await unit.answers.keep(where.scope, where.key, payment_answer(payment))
        return await self.complete(await self.work.answer(where, PaymentAnswer), challenge)

    async def again(self, repeat: Replay[PaymentAnswer]) -> PaymentAnswer:
        """The answer to a call that repeats one, as soon as that one has been answered.

        Raises:
            IdempotencyInFlight: it has not within this call's deadline.
        """
        kept = repeat.answer
        return await self.complete(await self.work.answer(repeat.where, PaymentAnswer) if kept is None else kept)

    async def complete(self, answer: PaymentAnswer, challenge: Challenge | None = None) -> PaymentAnswer:
        """An answer as it is kept, with what is not kept of it.

        Raises:
            PaymentMethodRefused, CustomerRefused, OrderNotPayable: that is what the answer was.
            OutcomeUnknown, NotAuthorized: the provider does not answer with the challenge now.
        """
        if answer.status is Status.FAILED and answer.decline_code is None:  # no card was tried
            self._raise_refusal(await self._payment(answer))
        if answer.requires_action:
            return replace(answer, challenge=challenge or await self._challenge(answer))
        return answer

    async def _challenge(self, answer: PaymentAnswer) -> Challenge | None:
        payment = await self._payment(answer)
        reference = payment.provider_reference
        charge = await self.providers.of(payment).look_up(reference) if reference else None
        return charge.challenge if charge else None

    async def _payment(self, answer: PaymentAnswer) -> Payment:
        async with self.work.read() as unit:
            payment = await unit.payments.find(answer.payment_id)
        if payment is None:
            raise RuntimeError(f"payment {answer.payment_id} was answered, and is gone")
        return payment

    def _raise_refusal(self, payment: Payment) -> None:
        label = self.providers.of(payment).label
        match payment.refusal:
            case Refusal.PAYMENT_METHOD:
                raise PaymentMethodRefused(label)
            case Refusal.CUSTOMER:
                raise CustomerRefused(label)
            case Refusal.AMOUNT:
                raise OrderNotPayable("the payment provider does not accept this amount")
