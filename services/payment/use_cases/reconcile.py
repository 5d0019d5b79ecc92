"""Look after what was left open: payments whose outcome is unknown, challenges nobody finishes, charges to cancel,
refunds to make.

No unit of work is open while the provider is asked. What is taken belongs to the process until the lease ends; a step
that is taken twice all the same does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.payment.domain import schedule
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import Refund
from services.payment.ports import ProviderAway, Providers, Work
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

AT_ONCE = 10
"""How many steps for payments are under way at most, and for refunds: one that waits for the provider holds up none of
the others, and however many payments are due, refunds have their turn."""

_log = structlog.get_logger()

Look = Coroutine[None, None, None]


@dataclass(frozen=True)
class ReconcileHandler:
    """Takes what is due and a step of each. Any number of replicas may do so at once."""

    work: Work
    settle_payment: SettlePayment
    settle_refund: SettleRefund

    @property
    def providers(self) -> Providers:
        """Whose payments and refunds are taken."""
        return self.settle_payment.providers

    @property
    def lease(self) -> timedelta:
        """How long what is taken stays ours: as long as a step may take. A process that dies holds it up so long."""
        return self.providers.take_at_most

    async def __call__(self) -> int:
        """Takes a step of everything that is due now, and waits for them; answers how many there were."""
        payments, refunds = await self.take(AT_ONCE, AT_ONCE)
        await asyncio.gather(*payments, *refunds)
        return len(payments) + len(refunds)

    async def take(self, most_payments: int, most_refunds: int) -> tuple[list[Look], list[Look]]:
        """Takes what is due: a step for each payment and each refund, to be awaited by the caller."""
        now, providers = clock.now(), self.providers.by_name
        async with self.work.begin() as unit:  # points by hand: a round that finds nothing has no effect
            payments = await unit.payments.take_due(now, self.lease, most_payments, providers)
            refunds = await unit.refunds.take_due(now, self.lease, most_refunds, providers)
            if payments or refunds:
                reach("payment.reconcile.before_commit")
        if payments or refunds:
            reach("payment.reconcile.committed")
        return [*map(self._look_after_payment, payments)], [*map(self._look_after_refund, refunds)]

    async def _look_after_payment(self, payment: Payment) -> None:
        await _attempt(self.settle_payment(payment), payment_id=str(payment.id))
        reach("payment.reconcile.stepped")
        # Where the step has written something, it has also decided when to look again, and this does nothing.
        later = schedule.after_check(payment, clock.now())
        async with self.work.read() as unit:  # one guarded statement needs no transaction
            await unit.payments.put_off(later, _leased_until(payment))
        reach("payment.reconcile.put_off")

    async def _look_after_refund(self, refund: Refund) -> None:
        await _attempt(self.settle_refund(refund), refund_id=str(refund.id))
        reach("payment.reconcile.refund_stepped")
        later = replace(refund, check_at=clock.now() + schedule.backoff(refund.checks))
        async with self.work.read() as unit:
            await unit.refunds.put_off(later, _leased_until(refund))


async def _attempt(step: Awaitable[object], **what: str) -> None:
    """One step that fails holds up none of the others."""
    try:
        await step
    except ProviderAway:
        pass  # logged where it occurs; tried again later
    except Exception:
        _log.exception("reconciliation_failed", **what)


def _leased_until(taken: Payment | Refund) -> datetime:
    assert taken.check_at is not None  # noqa: S101 - it was taken because it was due
    return taken.check_at
