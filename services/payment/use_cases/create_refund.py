"""Give money back, because staff order it.

    ── one unit of work, under the order's lock: the caller's key is claimed, the refund stored ──
    the provider is asked for it, under the refund's own id as key
    ── one unit of work: its state, its fact, the books, the answer kept for repeats (record_refund.py) ──

What is stored is taken from what is left of the payment, so that refunds at the same time never come to more than was
captured. When the process dies in between, the reconciler continues (settle_refund.py).

A refund of a payment by card to the customer's store credit asks no provider: it is made in the first unit of work.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog

from services.chassis.plain import clock, ids
from services.chassis.plain.in_flight import patiently
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.domain.answers import RefundAnswer, refund_answer
from services.payment.domain.credit import STORE_CREDIT
from services.payment.domain.giving_back import GivingBack
from services.payment.domain.payments import Payment, PaymentNotFound
from services.payment.domain.refunds import (
    ProviderRefund,
    Refund,
    RefundStatus,
    order_refund,
    refund_entry,
    refundable,
)
from services.payment.ports import KeptUnder, PaymentUnit, ProviderAway, Replay, Work
from services.payment.use_cases.patience import wait_for_provider
from services.payment.use_cases.record_refund import answer_scope
from services.payment.use_cases.settle_refund import SettleRefund

_log = structlog.get_logger()


@dataclass(frozen=True)
class CreateRefund:
    """What a member of the staff wants given back."""

    staff_id: UUID
    payment_id: UUID
    amount: Decimal | None
    """None: all that is left."""
    reason: str | None
    request: Repeatable
    to_credit: bool = False
    """Whether the money goes to the customer's store credit, whatever they paid with."""

    @property
    def kept_under(self) -> KeptUnder | None:
        """Where the answer is kept for repeats; None: nobody can repeat it."""
        key = self.request.key
        return None if key is None else KeptUnder(answer_scope(self.staff_id), key, self.request.fingerprint)


@dataclass(frozen=True)
class _Begun:
    """A refund that is stored."""

    refund: Refund
    payment: Payment
    """As it was before."""
    made: GivingBack | None = None
    """What it made of the payment; None: its provider is still to be asked."""


@dataclass(frozen=True)
class CreateRefundHandler:
    """Orders a refund, once, and waits for the provider's answer."""

    work: Work
    settle: SettleRefund

    async def __call__(self, command: CreateRefund) -> RefundAnswer:
        """The refund, as far as it has come. A repeat with the same key gets the first answer.

        Raises:
            PaymentNotFound, NotRefundable, RefundRefused, RefundTooLarge, IdempotencyMismatch, IdempotencyInFlight:
            nothing was changed.
        """
        begun = await patiently(lambda: self._begin(command))
        if isinstance(begun, Replay):
            kept = begun.answer
            return await self.work.answer(begun.where, RefundAnswer) if kept is None else kept
        refund = begun.refund
        what = {"refund_id": str(refund.id), "payment_id": str(refund.payment_id), "provider": refund.provider}
        _log.info("refund_ordered", **what, by=str(command.staff_id))
        if begun.made is None:
            await wait_for_provider(self._make(refund))
        else:
            self.settle.recorder.refunds.committed(begun.payment, begun.made)
        return await self._answer(command, refund.id)

    async def _begin(self, command: CreateRefund) -> _Begun | Replay[RefundAnswer]:
        """A new refund, stored; or what an earlier call with the same key has answered so far.

        The claim comes first: a repeat gets its answer also when by now nothing is left.
        """
        async with self.work.begin("payment.begin_refund") as unit:
            kept_under = command.kept_under
            replay = None if kept_under is None else await unit.answers.claim(kept_under, RefundAnswer)
            return replay or await self._order(unit, command)

    async def _order(self, unit: PaymentUnit, command: CreateRefund) -> _Begun:
        found = await unit.payments.find(command.payment_id)
        if found is None:
            raise PaymentNotFound
        amount = None if command.amount is None else refundable(command.amount, found.amount.currency)
        await unit.orders.lock(found.order_id)
        payment, now = await unit.payments.lock(found.id), clock.now()
        refund = order_refund(
            payment,
            await unit.refunds.of_payment(found.id),
            refund_id=ids.new_id(),
            amount=amount,
            reason=command.reason,
            ordered_by=command.staff_id,
            idempotency_key=command.request.key,
            now=now,
            takes_at_most=self.settle.providers.of(found).takes_at_most,
            provider=STORE_CREDIT if command.to_credit else payment.provider,
        )
        await unit.refunds.add(refund)
        if refund.provider == payment.provider:
            return _Begun(refund, payment)
        entry = refund_entry(refund, payment, entry_id=ids.new_id(), now=now)
        await unit.credit.add(entry)
        seen = ProviderRefund(entry.reference, RefundStatus.SUCCEEDED, refund.amount, refund.id)
        return _Begun(refund, payment, await self.settle.recorder.refunds.within(unit, payment, seen, now))

    async def _make(self, refund: Refund) -> None:
        # The reason is logged where it occurs; the refund is pending, and the reconciler continues.
        with contextlib.suppress(ProviderAway):
            await self.settle(refund)

    async def _answer(self, command: CreateRefund, refund_id: UUID) -> RefundAnswer:
        """The refund's state; for a key, what is kept under it, because others may have been answered already."""
        kept_under = command.kept_under
        async with self.work.begin("payment.answer_refund") as unit:
            refund = await unit.refunds.find(refund_id)
            if refund is None:
                raise RuntimeError(f"refund {refund_id} was stored, and is gone")
            answer = refund_answer(refund)
            if kept_under is None:
                return answer
            await unit.answers.keep(kept_under.scope, kept_under.key, answer)
        return await self.work.answer(kept_under, RefundAnswer)
