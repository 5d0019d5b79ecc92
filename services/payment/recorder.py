"""What becomes of a payment is written here, and nowhere else.

Every change is one transaction: it waits for its turn on the order, lets the domain decide on the payment as it is by
then, and writes the payment, Stripe's answer, the books, the event and the answer kept for repeats; all or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import asyncpg
import structlog
from google.protobuf.message import Message
from prometheus_client import Counter

from services.chassis import clock, idempotency, ids, outbox
from services.chassis.metrics import show_from_the_start
from services.chassis.postgres import Connection, Postgres
from services.payment import domain, store
from services.payment.domain import (
    Change,
    DisputeState,
    GivingBack,
    Intent,
    IntentMismatch,
    News,
    Payment,
    Refund,
    Refusal,
    Status,
    Stranded,
    StripeDispute,
    StripeRefund,
)
from services.payment.messages import payment_event, payment_message, refund_event, refund_message
from services.payment.store import Attempt
from services.payment.stripe_answers import FEES_NOT_BOOKED

_payments = Counter("payments", "Payments by the state that they came to.", ["status", "provider"])
show_from_the_start(_payments, Status, ("stripe",))
_disputes = Counter("argosy_disputes", "Disputes by the state that they came to.", ["state"])
show_from_the_start(_disputes, DisputeState)
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

        try:
            return await self._intent(payment, intent, asked=asked)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if intent.settlement is None:
                raise
            # That money was taken is recorded whatever becomes of the books on the fee, which are looked for again.
            FEES_NOT_BOOKED.labels(why="unstorable").inc()
            _log.error("fee_unstorable", payment_id=str(payment.id), error=type(error).__name__)
            return await self._intent(payment, replace(intent, settlement=None), asked=asked)

    async def _intent(self, payment: Payment, intent: Intent, *, asked: bool) -> Payment:
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

    async def unanswered(self, payment: Payment, why: str, *, key_is_spent: bool = False) -> None:
        """Write that Stripe was asked to charge and did not say what became of it; the payment stays as it is.

        key_is_spent: it may never say anything else under this key.
        """
        async with self.postgres.transaction("payment.unanswered") as connection:
            await store.lock_payment(connection, payment.id)
            await store.add_attempt(connection, payment.id, Attempt(why, None, None, {}, asked=True))
            if key_is_spent:
                await store.count_server_error(connection, payment)

    async def refund_unanswered(self, refund: Refund) -> None:
        """Write that Stripe's servers failed when they were asked for a refund."""
        async with self.postgres.transaction("payment.refund_unanswered") as connection:
            await store.count_server_error(connection, refund)

    async def unknown_at_stripe(self, payment: Payment) -> None:
        """Write that Stripe does not know the payment's intent, and leave it and its refunds to a person."""
        async with self.postgres.transaction("payment.unknown_at_stripe") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            stranded = domain.strand(current, Stranded.UNKNOWN_AT_STRIPE, clock.now())
            await store.save_payment(connection, stranded)
            for refund in await store.refunds_of(connection, payment.id):
                if refund.check_at is not None:
                    await store.save_refund(connection, replace(refund, check_at=None))
        _say_if_stranded(current, stranded)

    async def never_charged(self, payment: Payment) -> Payment:
        """Write that Stripe turns out to know nothing of the payment."""

        def decide(current: Payment, _order_ended: bool, now: datetime) -> Change:
            return domain.conclude_never_charged(current, now)

        return await self._record(payment, decide, Attempt("not_found", domain.NEVER_CHARGED, None, {}))

    async def order_ended(self, connection: Connection, payment: Payment) -> None:
        """Write, in the caller's transaction that holds the order's lock, that the payment's order was cancelled."""
        now = clock.now()
        self._after_giving_back(payment, await self._write(connection, domain.end_with_order(payment, now), None, now))

    async def confirm_again(self, payment: Payment) -> None:
        """Publish once more that the payment was made, from what is stored. It confirms its order once.

        Nothing is published of a payment that does not pay for its order any more.
        """
        async with self.postgres.transaction("payment.confirm_again") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            if current.is_paid and current.counts_as_payment and not current.give_back:
                event = payment_event(News.CONFIRMED, current)
                await outbox.publish_again(connection, event, key=str(current.order_id), subject=str(current.id))

    async def give_back(self, payment: Payment, *, insist: bool = False) -> None:
        """Look again what of a payment that goes back in full is left, and order a refund of that.

        insist: a person wants another try, whatever became of those before.
        """
        now = clock.now()
        async with self.postgres.transaction("payment.give_back") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            given = await self._give_back(connection, current, now, insist=insist)
        self._after_giving_back(current, given)

    async def settled_otherwise(self, payment: Payment, how: str) -> bool:
        """Write how a person has settled a stranded payment; False: it is not stranded any more."""
        now = clock.now()
        async with self.postgres.transaction("payment.settle_otherwise") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            if current.stranded is None:
                return False
            change = domain.settle_otherwise(current, how, now)
            await self._write(connection, change, Attempt("closed", domain.NEVER_CHARGED, None, {}), now)
            await _keep_answer(connection, change.after)
        self._after_commit(change, now)
        return True

    async def dispute(self, payment: Payment, seen: StripeDispute) -> None:
        """Write what Stripe says of a dispute of the payment. Any number of times, in any order.

        Raises:
            IntentMismatch: the payment has taken no money; nothing was written.
        """
        now = clock.now()
        async with self.postgres.transaction("payment.dispute") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            if not current.is_paid:
                raise IntentMismatch(f"dispute {seen.id} is of payment {payment.id}, which has not been captured")
            known = await store.disputes_of(connection, payment.id)
            await store.keep_dispute(connection, payment.id, seen)
            lines = domain.dispute_lines(seen, await store.booked(connection, payment.id))
            await store.add_to_ledger(connection, payment.id, lines)
            stand = await store.disputes_of(connection, payment.id)
            disputed = replace(current, dispute=domain.worst(stand.values()))
            await store.save_payment(connection, disputed)
            given = await self._give_back(connection, disputed, now)
        self._after_giving_back(current, given)
        if known.get(seen.id) is not stand[seen.id]:
            _disputes.labels(stand[seen.id]).inc()
            _log.warning(
                "payment_disputed",
                payment_id=str(payment.id),
                order_id=str(payment.order_id),
                dispute=seen.id,
                status=seen.status,
                reason=seen.reason,
            )

    async def refund(self, payment: Payment, seen: StripeRefund) -> None:
        """Write what Stripe says of a refund of the payment; one that we have not heard of becomes ours.

        Raises:
            IntentMismatch: the payment holds no money; nothing was written.
        """
        now = clock.now()
        async with self.postgres.transaction("payment.refund") as connection:
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
            if change.news is not None:
                await self._tell(connection, payment, refund_event(change.news, payment, change.refund))
            given = await self._refund_is_known(connection, change.payment, change.refund, now)
        self._after_giving_back(current, given)
        if change.payment.status is not current.status:
            _count(change.payment)

    async def refund_given_up(self, payment: Payment, refund: Refund, code: str | None) -> None:
        """Write that Stripe will not make the refund, and why in its words."""
        async with self.postgres.transaction("payment.give_up_refund") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            given = GivingBack(current)
            for one in await store.refunds_of(connection, payment.id):
                if one.id == refund.id and one.stripe_refund_id is None and not one.has_failed:
                    now = clock.now()
                    given_up = domain.abandon_refund(one, code, now)
                    await store.save_refund(connection, given_up)
                    given = await self._refund_is_known(connection, current, given_up, now)
        self._after_giving_back(current, given)

    async def _refund_is_known(
        self, connection: Connection, payment: Payment, refund: Refund, now: datetime
    ) -> GivingBack:
        """Stripe has spoken on the refund: whoever ordered it has an answer, and an ended order keeps no money."""
        if refund.idempotency_key is not None:
            scope, answer = refund_scope(refund.ordered_by), refund_message(refund)
            await idempotency.answer(connection, scope, refund.idempotency_key, answer)
        return await self._give_back(connection, payment, now)

    async def _give_back(
        self, connection: Connection, payment: Payment, now: datetime, *, insist: bool = False
    ) -> GivingBack:
        if not payment.give_back:
            return GivingBack(payment)
        refunds = await store.refunds_of(connection, payment.id)
        given = domain.give_back(payment, refunds, refund_id=ids.new_id(), now=now, insist=insist)
        if given.payment != payment:
            await store.save_payment(connection, given.payment)
        if given.refund is not None:
            await store.insert_refund(connection, given.refund)
        return given

    def _after_giving_back(self, before: Payment, given: GivingBack) -> None:
        _say_if_stranded(before, given.payment)
        if given.refund is not None:
            self.work.set()

    async def _record(
        self,
        payment: Payment,
        decide: Callable[[Payment, bool, datetime], Change],
        attempt: Attempt,
        then: Then | None = None,
    ) -> Payment:
        now = clock.now()
        async with self.postgres.transaction("payment.outcome") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            change = decide(current, await store.order_has_ended(connection, payment.order_id), now)
            given = await self._write(connection, change, attempt, now)
            await (then or _keep_answer)(connection, given.payment)
        self._after_commit(change, now)
        self._after_giving_back(current, given)
        return given.payment

    async def _write(
        self, connection: Connection, change: Change, attempt: Attempt | None, now: datetime
    ) -> GivingBack:
        payment = change.after
        if payment != change.before:
            await store.save_payment(connection, payment)
        if attempt is not None and (change.moved or attempt.asked):
            await store.add_attempt(connection, payment.id, attempt)
        await store.add_to_ledger(connection, payment.id, change.ledger)
        if change.news is News.FAILED:
            # The event cancels the order. Until it has, nobody may begin to pay for it once more.
            await store.end_order(connection, payment.order_id)
        if change.news is not None:
            await self._tell(connection, payment, payment_event(change.news, payment))
        return await self._give_back(connection, payment, now)

    async def _tell(self, connection: Connection, payment: Payment, event: Message) -> None:
        await outbox.publish(connection, event, key=str(payment.order_id), subject=str(payment.id))

    def _after_commit(self, change: Change, now: datetime) -> None:
        due = change.after.check_at is not None and change.after.check_at <= now
        if due:
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


def _say_if_stranded(before: Payment, after: Payment) -> None:
    if after.stranded is not None and after.stranded is not before.stranded:
        _log.error(
            "payment_stranded", payment_id=str(after.id), order_id=str(after.order_id), reason=after.stranded.value
        )


def _count(payment: Payment) -> None:
    _payments.labels(status=payment.status, provider="stripe").inc()
    _log.info("payment_moved", payment_id=str(payment.id), status=payment.status, late=payment.late)
