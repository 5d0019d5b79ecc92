"""Looks after what was left open: payments whose outcome is unknown, challenges nobody finishes, intents to cancel,
refunds to make. It holds no connection while it talks to Stripe; what it takes is its own until the lease ends, and a
step that is taken twice all the same does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from services.chassis import clock
from services.chassis.crash_points import reach
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import Payment, Refund
from services.payment.stripe_gateway import ProviderAway
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

AT_ONCE = 10
"""How many steps for payments are under way at most, and for refunds: one that waits for Stripe holds up none of the
others, and however many payments are due, refunds have their turn."""

_log = structlog.get_logger()

Look = Coroutine[None, None, None]


@dataclass(frozen=True)
class Reconciler:
    """Takes what is due, a step each, again and again. Any number of replicas may do so at once."""

    postgres: Postgres
    settle_payment: SettlePayment
    settle_refund: SettleRefund
    work: asyncio.Event
    """Set when something is due before the next look."""
    every_seconds: float

    @property
    def lease(self) -> timedelta:
        """How long what is taken stays ours: as long as a step may take. Until then a process that dies holds it up."""
        return self.settle_payment.gateway.takes_at_most

    async def run(self) -> None:
        """Look for what is due, begin a step of each, wait; until cancelled."""
        payments: set[asyncio.Task[None]] = set()
        refunds: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self.work.clear()
                while True:
                    due = await self._take(AT_ONCE - len(payments), AT_ONCE - len(refunds))
                    for looks, under_way in zip(due, (payments, refunds), strict=True):
                        for look in looks:
                            task = tasks.create_task(look)
                            under_way.add(task)
                            task.add_done_callback(under_way.discard)
                    if not any(due):
                        break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.work.wait(), self.every_seconds)

    async def once(self) -> int:
        """Take a step of everything that is due now, and wait for them; answers how many there were."""
        payments, refunds = await self._take(AT_ONCE, AT_ONCE)
        await asyncio.gather(*payments, *refunds)
        return len(payments) + len(refunds)

    async def _take(self, most_payments: int, most_refunds: int) -> tuple[list[Look], list[Look]]:
        now = clock.now()
        async with self.postgres.transaction() as connection:
            payments = await store.take_due_payments(connection, now, self.lease, most_payments)
            refunds = await store.take_due_refunds(connection, now, self.lease, most_refunds)
            if payments or refunds:
                reach("payment.reconcile.before_commit")
        if payments or refunds:
            reach("payment.reconcile.committed")
        return [*map(self._look_after_payment, payments)], [*map(self._look_after_refund, refunds)]

    async def _look_after_payment(self, payment: Payment) -> None:
        await _attempt(self.settle_payment(payment), payment_id=str(payment.id))
        reach("payment.reconcile.stepped")
        # Where the step has written something, it has also said when to look again, and this does nothing.
        later = domain.after_check(payment, clock.now())
        async with self.postgres.connection() as connection:
            await store.put_off_payment(connection, later, _leased_until(payment))
        reach("payment.reconcile.put_off")

    async def _look_after_refund(self, refund: Refund) -> None:
        await _attempt(self.settle_refund(refund), refund_id=str(refund.id))
        reach("payment.reconcile.refund_stepped")
        later = replace(refund, check_at=clock.now() + domain.backoff(refund.checks))
        async with self.postgres.connection() as connection:
            await store.put_off_refund(connection, later, _leased_until(refund))


async def _attempt(step: Awaitable[object], **what: str) -> None:
    """One thing that goes wrong keeps nobody from the others."""
    try:
        await step
    except ProviderAway:
        pass  # said where it happened; tried again later
    except Exception:
        _log.exception("reconciliation_failed", **what)


def _leased_until(taken: Payment | Refund) -> datetime:
    assert taken.check_at is not None  # noqa: S101 - it was taken because it was due
    return taken.check_at
