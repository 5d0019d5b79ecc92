"""A step of other use cases: write a dispute as the provider has it, in one unit of work."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from services.chassis.plain import clock
from services.payment.domain.charges import ChargeMismatch
from services.payment.domain.disputes import ProviderDispute, dispute_lines, worst
from services.payment.domain.payments import Payment
from services.payment.ports import Work
from services.payment.use_cases import outcomes
from services.payment.use_cases.give_back import GiveBack

_log = structlog.get_logger()


@dataclass(frozen=True)
class RecordDispute:
    """Writes disputes, and books the money that they move."""

    work: Work
    give_back: GiveBack

    async def __call__(self, payment: Payment, seen: ProviderDispute) -> None:
        """Writes a dispute of the payment. Any number of times, in any order.

        Raises:
            ChargeMismatch: the payment has taken no money; nothing was written.
        """
        now = clock.now()
        async with self.work.begin("payment.dispute") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            if not current.is_paid:
                raise ChargeMismatch(f"dispute {seen.reference} is of payment {payment.id}, which was not captured")
            known = await unit.disputes.of_payment(payment.id)
            await unit.disputes.keep(payment.id, payment.provider, seen)
            lines = dispute_lines(seen, await unit.ledger.booked(payment.id), payment.provider)
            await unit.ledger.add(payment.id, lines)
            states = await unit.disputes.of_payment(payment.id)
            disputed = replace(current, dispute=worst(states.values()))
            await unit.payments.save(disputed)
            given = await self.give_back.within(unit, disputed, now)
        self.give_back.committed(current, given)
        if known.get(seen.reference) is not states[seen.reference]:
            outcomes.count_dispute(states[seen.reference])
            _log.warning(
                "payment_disputed",
                payment_id=str(payment.id),
                order_id=str(payment.order_id),
                dispute=seen.reference,
                status=seen.status,
                reason=seen.reason,
            )
