"""A step of other use cases: write what became of a payment at the provider.

Every change is one unit of work: it waits for its turn on the order, lets the domain decide on the payment as it is by
then, and writes the payment, the provider's answer, the books, the fact and the answer kept for repeats; all or
nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from services.chassis.plain import clock
from services.payment.domain import outcomes as decide_outcome
from services.payment.domain.answers import payment_answer
from services.payment.domain.charges import Attempt, Charge, Refusal
from services.payment.domain.facts import PaymentFailed
from services.payment.domain.failures import NEVER_CHARGED
from services.payment.domain.giving_back import GivingBack
from services.payment.domain.outcomes import Change
from services.payment.domain.payments import Payment, Stranded
from services.payment.ports import NotStorable, PaymentUnit, Work
from services.payment.use_cases import outcomes
from services.payment.use_cases.give_back import GiveBack

_log = structlog.get_logger()

Then = Callable[[PaymentUnit, Payment], Awaitable[None]]
"""What becomes of the answer that is kept for repeats, in the same unit of work."""


def answer_scope(user_id: object) -> str:
    """The scope of a caller's idempotency key for CreatePayment: the same key of another person is another key."""
    return f"createPayment:{user_id}"


@dataclass(frozen=True)
class RecordCharge:
    """Writes what became of payments, and wakes the reconciler where there is work at the provider."""

    work: Work
    give_back: GiveBack
    challenge_timeout: timedelta
    """How long a customer may take for a challenge."""

    async def charge(self, payment: Payment, charge: Charge, *, asked: bool = False) -> Payment:
        """Writes the provider's answer on the payment's charge. Any number of times, in any order.

        asked: it is the answer to a request to charge, so an attempt, also when it contains nothing new.

        Raises:
            ChargeMismatch: it is not this payment's; nothing was written.
        """
        try:
            return await self._charge(payment, charge, asked=asked)
        except NotStorable as error:
            if charge.settlement is None:
                raise
            # That money was taken is recorded whatever becomes of the books on the fee, which is looked up again.
            outcomes.FEES_NOT_BOOKED.labels(why="unstorable").inc()
            _log.error("fee_unstorable", payment_id=str(payment.id), error=type(error.__cause__).__name__)
            return await self._charge(payment, replace(charge, settlement=None), asked=asked)

    async def refusal(self, payment: Payment, refusal: Refusal, code: str | None) -> Payment:
        """Writes that the provider refused the request."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return decide_outcome.apply_refusal(current, refusal, code, now)

        return await self._record(payment, decide, Attempt("refused", code, asked=True))

    async def withdrawal(self, payment: Payment, code: str | None, *, asked: bool = True) -> Payment:
        """Writes that nothing came of it for reasons of ours, and lets the caller's key go: a repeat may try again."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return decide_outcome.apply_refusal(current, Refusal.REQUEST, code, now)

        return await self._record(payment, decide, Attempt("refused", code, asked=asked), _forget_answer)

    async def unanswered(self, payment: Payment, why: str, *, key_is_spent: bool = False) -> None:
        """Writes that the provider was asked to charge and did not answer; the payment stays as it is.

        key_is_spent: it may never give another answer under this key.
        """
        async with self.work.begin("payment.unanswered") as unit:
            await unit.payments.lock(payment.id)
            await unit.payments.add_attempt(payment.id, Attempt(why, asked=True))
            if key_is_spent:
                await unit.payments.count_server_error(payment)

    async def unknown_at_provider(self, payment: Payment) -> None:
        """Writes that the provider does not know the payment's charge, and leaves it and its refunds to a person."""
        async with self.work.begin("payment.unknown_at_stripe") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            stranded = decide_outcome.strand(current, Stranded.UNKNOWN_AT_PROVIDER, clock.now())
            await unit.payments.save(stranded)
            for refund in await unit.refunds.of_payment(payment.id):
                if refund.check_at is not None:
                    await unit.refunds.save(replace(refund, check_at=None))
        outcomes.log_if_stranded(current, stranded)

    async def never_charged(self, payment: Payment) -> Payment:
        """Writes that the provider turns out not to know the payment."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return decide_outcome.conclude_never_charged(current, now)

        return await self._record(payment, decide, Attempt("not_found", NEVER_CHARGED))

    async def order_ended(self, unit: PaymentUnit, payment: Payment) -> None:
        """Writes, within a unit of work that holds the order's lock, that the payment's order was cancelled."""
        now = clock.now()
        given = await self._write(unit, decide_outcome.end_with_order(payment, now), None, now)
        self.give_back.committed(payment, given)

    async def settled_otherwise(self, payment: Payment, how: str) -> bool:
        """Writes how a person has settled a stranded payment; False: it is not stranded any more."""
        now = clock.now()
        async with self.work.begin("payment.settle_otherwise") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            if current.stranded is None:
                return False
            change = decide_outcome.settle_otherwise(current, how, now)
            await self._write(unit, change, Attempt("closed", NEVER_CHARGED), now)
            await _keep_answer(unit, change.after)
        self._committed(change, now)
        return True

    async def _charge(self, payment: Payment, charge: Charge, *, asked: bool) -> Payment:
        def decide(current: Payment, order_ended: bool, now: datetime) -> Change:
            return decide_outcome.apply_charge(
                current, charge, order_ended=order_ended, now=now, challenge_timeout=self.challenge_timeout
            )

        return await self._record(payment, decide, charge.attempt(asked=asked))

    async def _record(
        self,
        payment: Payment,
        decide: Callable[[Payment, bool, datetime], Change],
        attempt: Attempt,
        then: Then | None = None,
    ) -> Payment:
        now = clock.now()
        async with self.work.begin("payment.outcome") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            change = decide(current, await unit.orders.has_ended(payment.order_id), now)
            given = await self._write(unit, change, attempt, now)
            await (then or _keep_answer)(unit, given.payment)
        self._committed(change, now)
        self.give_back.committed(current, given)
        return given.payment

    async def _write(self, unit: PaymentUnit, change: Change, attempt: Attempt | None, now: datetime) -> GivingBack:
        payment = change.after
        if payment != change.before:
            await unit.payments.save(payment)
        if attempt is not None and (change.moved or attempt.asked):
            await unit.payments.add_attempt(payment.id, attempt)
        await unit.ledger.add(payment.id, change.ledger)
        if isinstance(change.fact, PaymentFailed):
            # The event cancels the order. Until it has, nobody may begin to pay for it once more.
            await unit.orders.end(payment.order_id)
        if change.fact is not None:
            await unit.publish(change.fact)
        return await self.give_back.within(unit, payment, now)

    def _committed(self, change: Change, now: datetime) -> None:
        if change.after.check_at is not None and change.after.check_at <= now:
            self.give_back.due.set()
        if change.moved:
            outcomes.count_payment(change.after)


async def _keep_answer(unit: PaymentUnit, payment: Payment) -> None:
    """For repeats of the caller's request. The first answer stays, whoever gives it."""
    if payment.idempotency_key is not None:
        await unit.answers.keep(answer_scope(payment.user_id), payment.idempotency_key, payment_answer(payment))


async def _forget_answer(unit: PaymentUnit, payment: Payment) -> None:
    if payment.idempotency_key is not None:
        await unit.answers.forget(answer_scope(payment.user_id), payment.idempotency_key)
