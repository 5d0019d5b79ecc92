"""What becomes of a payment is written here, and nowhere else.

Every change is one transaction: it waits for its turn on the order, lets the domain decide on the payment as it is by
then, and writes the payment, Stripe's answer, the books, the event and the answer kept for repeats; all or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from google.protobuf.message import Message
from prometheus_client import Counter

from services.chassis import clock, idempotency, ids, outbox
from services.chassis.postgres import Connection, Postgres
from services.payment import domain, store
from services.payment.domain import Change, Intent, News, Payment, Refund, Refusal, Status, StripeRefund
from services.payment.messages import payment_event, payment_message, refund_event, refund_message
from services.payment.store import Attempt

_payments = Counter("payments", "Payments by the state that they came to.", ["status", "provider"])
for _status in Status:
    _payments.labels(status=_status, provider="stripe")  # shown from the start, as 0
_log = structlog.get_logger()

Then = Callable[[Connection, Payment], Awaitable[None]]
"""What becomes of the answer that is kept for repeats, in the same transaction."""


def idempotency_scope(user_id: object) -> str:
    """Whose a caller's key for CreatePayment is: the same key of somebody else is another one."""
    return f"createPayment:{user_id}"


def refund_scope(user_id: object) -> str:
    """The same for CreateRefund."""
    return f"createRefund:{user_id}"


@dataclass(frozen=True)
class Recorder:
    """Writes what became of payments and refunds, and says when there is work at Stripe to be done at once."""

    postgres: Postgres
    challenge_timeout: timedelta
    """How long a customer may take to prove who they are."""
    work: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the reconciler has something to do."""

    async def intent(self, payment: Payment, intent: Intent, *, asked: bool = False) -> Payment:
        """Write what Stripe says of the payment's intent. Any number of times, in any order.

        asked: it is the answer to a request to charge, so an attempt, also when it tells nothing new.

        Raises:
            IntentMismatch: it is not this payment's; nothing was written.
        """

        def decide(current: Payment, order_ended: bool, now: datetime) -> Change:
            return domain.apply_intent(
                current, intent, order_ended=order_ended, now=now, challenge_timeout=self.challenge_timeout
            )

        return await self._record(payment, decide, _attempt(intent, asked=asked))

    async def refusal(self, payment: Payment, refusal: Refusal, code: str | None) -> Payment:
        """Write that Stripe would not take the request."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return domain.apply_refusal(current, refusal, code, now)

        return await self._record(payment, decide, Attempt("refused", code, None, {}, asked=True))

    async def withdrawal(self, payment: Payment, code: str | None, *, asked: bool = True) -> Payment:
        """Write that nothing came of it for reasons of ours, and let the caller's key go: a repeat may try afresh."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return domain.apply_refusal(current, Refusal.REQUEST, code, now)

        return await self._record(payment, decide, Attempt("refused", code, None, {}, asked=asked), _forget_answer)

    async def unanswered(self, payment: Payment, why: str) -> None:
        """Write that Stripe was asked to charge and did not say what became of it; the payment stays as it is."""
        async with self.postgres.transaction() as connection:
            await store.lock_payment(connection, payment.id)
            await store.add_attempt(connection, payment.id, Attempt(why, None, None, {}, asked=True))

    async def never_charged(self, payment: Payment) -> Payment:
        """Write that Stripe turns out to know nothing of the payment."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return domain.conclude_never_charged(current, now)

        return await self._record(payment, decide, Attempt("not_found", domain.NEVER_CHARGED, None, {}))

    async def order_ended(self, connection: Connection, payment: Payment) -> None:
        """Write, in the caller's transaction that holds the order's lock, that the payment's order was cancelled."""
        now = clock.now()
        await self._write(connection, domain.end_with_order(payment, now), None, now)

    async def refund(self, payment: Payment, seen: StripeRefund) -> None:
        """Write what Stripe says of a refund of the payment; one that we have not heard of becomes ours.

        Raises:
            IntentMismatch: the payment holds no money; nothing was written.
        """
        now = clock.now()
        async with self.postgres.transaction() as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            refunds = await store.refunds_of(connection, payment.id)
            refund = _ours(refunds, seen)
            if refund is None:
                refund = domain.adopt_refund(current, seen, refund_id=ids.new_id(), now=now)
                await store.insert_refund(connection, refund)
            change = domain.apply_refund(current, refunds, refund, seen, now)
            if change.refund != refund:
                await store.save_refund(connection, change.refund)
            if change.payment != current:
                await store.save_payment(connection, change.payment)
            await store.add_to_ledger(connection, payment.id, change.ledger)
            if change.news is News.REFUNDED:
                await self._tell(connection, payment, refund_event(payment, change.refund))
            await self._refund_is_known(connection, change.payment, change.refund, now)
        if change.payment.status is not current.status:
            _count(change.payment)

    async def refund_given_up(self, payment: Payment, refund: Refund, code: str | None) -> None:
        """Write that Stripe will not make the refund, and why in its words."""
        async with self.postgres.transaction() as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            for one in await store.refunds_of(connection, payment.id):
                if one.id == refund.id and one.stripe_refund_id is None and not one.has_failed:
                    now = clock.now()
                    given_up = domain.abandon_refund(one, code, now)
                    await store.save_refund(connection, given_up)
                    await self._refund_is_known(connection, current, given_up, now)

    async def _refund_is_known(self, connection: Connection, payment: Payment, refund: Refund, now: datetime) -> None:
        """Stripe has spoken on the refund: whoever ordered it has an answer, and an ended order keeps no money."""
        if refund.idempotency_key is not None:
            scope, answer = refund_scope(refund.ordered_by), refund_message(refund)
            await idempotency.answer(connection, scope, refund.idempotency_key, answer)
        if refund.has_failed and payment.is_paid and await store.order_has_ended(connection, payment.order_id):
            await self._order_full_refund(connection, payment, now)

    async def _order_full_refund(self, connection: Connection, payment: Payment, now: datetime) -> None:
        refunds = await store.refunds_of(connection, payment.id)
        refund = domain.full_refund(payment, refunds, refund_id=ids.new_id(), now=now)
        if refund is not None:
            await store.insert_refund(connection, refund)

    async def _record(
        self,
        payment: Payment,
        decide: Callable[[Payment, bool, datetime], Change],
        attempt: Attempt,
        then: Then | None = None,
    ) -> Payment:
        now = clock.now()
        async with self.postgres.transaction() as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            change = decide(current, await store.order_has_ended(connection, payment.order_id), now)
            await self._write(connection, change, attempt, now)
            await (then or _keep_answer)(connection, change.after)
        self._after_commit(change, now)
        return change.after

    async def _write(self, connection: Connection, change: Change, attempt: Attempt | None, now: datetime) -> None:
        payment = change.after
        if payment != change.before:
            await store.save_payment(connection, payment)
        if attempt is not None and (change.moved or attempt.asked):
            await store.add_attempt(connection, payment.id, attempt)
        await store.add_to_ledger(connection, payment.id, change.ledger)
        if change.refund_all:
            await self._order_full_refund(connection, payment, now)
        if change.news is News.FAILED:
            # The event cancels the order. Until it has, nobody may begin to pay for it once more.
            await store.end_order(connection, payment.order_id)
        if change.news is not None:
            await self._tell(connection, payment, payment_event(change.news, payment))

    async def _tell(self, connection: Connection, payment: Payment, event: Message) -> None:
        await outbox.publish(connection, event, key=str(payment.order_id), subject=str(payment.id))

    def _after_commit(self, change: Change, now: datetime) -> None:
        due = change.after.check_at is not None and change.after.check_at <= now
        if due or change.refund_all:
            self.work.set()
        if change.moved:
            _count(change.after)


async def _keep_answer(connection: Connection, payment: Payment) -> None:
    """For repeats of the caller's request. The first answer stays, whoever gives it."""
    key = payment.idempotency_key
    if key is not None:
        await idempotency.answer(connection, idempotency_scope(payment.user_id), key, payment_message(payment))


async def _forget_answer(connection: Connection, payment: Payment) -> None:
    key = payment.idempotency_key
    if key is not None:
        await idempotency.forget(connection, idempotency_scope(payment.user_id), key)


def _attempt(intent: Intent, *, asked: bool) -> Attempt:
    return Attempt(
        asked=asked,
        status=intent.status,
        error_code=intent.error_code,
        error_message=intent.error_message,
        provider_response={
            "payment_intent": intent.id,
            "status": intent.status,
            "charge": intent.charge_id,
            "decline_code": intent.decline_code,
            "cancellation_reason": intent.cancellation_reason,
            "balance_transaction": intent.settlement.balance_transaction_id if intent.settlement else None,
        },
    )


def _ours(refunds: Sequence[Refund], seen: StripeRefund) -> Refund | None:
    """The refund that Stripe speaks of: by its id, or by ours where the answer that told the id was lost."""
    for refund in refunds:
        if refund.stripe_refund_id == seen.id or (refund.stripe_refund_id is None and refund.id == seen.refund_id):
            return refund
    return None


def _count(payment: Payment) -> None:
    _payments.labels(status=payment.status, provider="stripe").inc()
    _log.info("payment_moved", payment_id=str(payment.id), status=payment.status, late=payment.late)
