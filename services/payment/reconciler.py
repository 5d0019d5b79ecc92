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
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import Payment, Refund
from services.payment.stripe_gateway import ProviderAway
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

LEASE = timedelta(seconds=20)
"""How long what is taken stays ours: short, so that a process that dies with it holds nothing up for long."""
AT_ONCE = 20
"""How many steps are under way at most: one that waits for Stripe holds up none of the others."""

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

    async def run(self) -> None:
        """Look for what is due, begin a step of each, wait; until cancelled."""
        under_way: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as looks:
            while True:
                self.work.clear()
                while due := await self._take(AT_ONCE - len(under_way)):
                    for look in due:
                        task = looks.create_task(look)
                        under_way.add(task)
                        task.add_done_callback(under_way.discard)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.work.wait(), self.every_seconds)

    async def once(self) -> int:
        """Take a step of everything that is due now, and wait for them; answers how many there were."""
        due = await self._take(AT_ONCE)
        await asyncio.gather(*due)
        return len(due)

    async def _take(self, at_most: int) -> list[Look]:
        now = clock.now()
        async with self.postgres.transaction() as connection:
            payments = await store.take_due_payments(connection, now, LEASE, at_most)
            refunds = await store.take_due_refunds(connection, now, LEASE, at_most - len(payments))
        return [*map(self._look_after_payment, payments), *map(self._look_after_refund, refunds)]

    async def _look_after_payment(self, payment: Payment) -> None:
        await _attempt(self.settle_payment(payment), payment_id=str(payment.id))
        # Where the step has written something, it has also said when to look again, and this does nothing.
        later = domain.after_check(payment, clock.now())
        async with self.postgres.connection() as connection:
            await store.put_off_payment(connection, later, _leased_until(payment))

    async def _look_after_refund(self, refund: Refund) -> None:
        await _attempt(self.settle_refund(refund), refund_id=str(refund.id))
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
