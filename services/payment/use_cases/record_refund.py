"""A step of other use cases: write what became of a refund at the provider, in one unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.chassis.plain import clock, ids
from services.payment.domain import refunds as decide_refund
from services.payment.domain.answers import refund_answer
from services.payment.domain.giving_back import GivingBack
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import ProviderRefund, Refund
from services.payment.ports import PaymentUnit, Work
from services.payment.use_cases import outcomes
from services.payment.use_cases.give_back import GiveBack


def answer_scope(staff_id: object) -> str:
    """The scope of an idempotency key for CreateRefund: the same key of another person is another key."""
    return f"createRefund:{staff_id}"


@dataclass(frozen=True)
class RecordRefund:
    """Writes what became of refunds."""

    work: Work
    give_back: GiveBack

    async def refund(self, payment: Payment, seen: ProviderRefund) -> None:
        """Writes the provider's answer on a refund of the payment; an unknown one becomes ours.

        Raises:
            ChargeMismatch: the payment holds no money; nothing was written.
        """
        now = clock.now()
        async with self.work.begin("payment.refund") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            given = await self.within(unit, current, seen, now)
        self.committed(current, given)

    async def within(self, unit: PaymentUnit, payment: Payment, seen: ProviderRefund, now: datetime) -> GivingBack:
        """Writes it as a part of another unit of work that holds the order's lock; `committed` follows its commit.

        Raises as `refund`.
        """
        refunds = await unit.refunds.of_payment(payment.id)
        refund = _ours(refunds, seen)
        if refund is None:
            refund = decide_refund.adopt_refund(payment, seen, refund_id=ids.new_id(), now=now)
            await unit.refunds.add(refund)
        change = decide_refund.apply_refund(payment, refunds, refund, seen, now)
        if change.refund != refund:
            await unit.refunds.save(change.refund)
        if change.payment != payment:
            await unit.payments.save(change.payment)
        await unit.ledger.add(payment.id, change.ledger)
        if change.fact is not None:
            await unit.publish(change.fact)
        return await self._outcome_is_known(unit, change.payment, change.refund, now)

    def committed(self, before: Payment, given: GivingBack) -> None:
        """After the commit: counts the payment's new status, and wakes the reconciler where there is work."""
        self.give_back.committed(before, given)
        if given.payment.status is not before.status:
            outcomes.count_payment(given.payment)

    async def given_up(self, payment: Payment, refund: Refund, code: str | None) -> None:
        """Writes that the provider does not make the refund, and its code for that."""
        async with self.work.begin("payment.give_up_refund") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            given = GivingBack(current)
            for one in await unit.refunds.of_payment(payment.id):
                if one.id == refund.id and one.provider_reference is None and not one.has_failed:
                    now = clock.now()
                    given_up = decide_refund.abandon_refund(one, code, now)
                    await unit.refunds.save(given_up)
                    given = await self._outcome_is_known(unit, current, given_up, now)
        self.give_back.committed(current, given)

    async def unanswered(self, refund: Refund) -> None:
        """Writes that the provider's servers failed when they were asked for a refund."""
        async with self.work.begin("payment.refund_unanswered") as unit:
            await unit.refunds.count_server_error(refund)

    async def _outcome_is_known(self, unit: PaymentUnit, payment: Payment, refund: Refund, now: datetime) -> GivingBack:
        """The provider has answered: whoever ordered the refund has an answer, and an ended order keeps no money."""
        if refund.idempotency_key is not None:
            await unit.answers.keep(answer_scope(refund.ordered_by), refund.idempotency_key, refund_answer(refund))
        return await self.give_back.within(unit, payment, now)


def _ours(refunds: Sequence[Refund], seen: ProviderRefund) -> Refund | None:
    """Our record of the refund: by the provider's reference, or by our id where the answer with the former was lost."""
    for refund in refunds:
        known = refund.provider_reference
        if known == seen.reference or (known is None and refund.id == seen.refund_id):
            return refund
    return None
