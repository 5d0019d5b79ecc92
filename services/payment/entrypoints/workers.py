"""Periodic work: what was left open, comparisons, what needs a person, and deletion of rows after their retention."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from services.chassis.data.housekeeping import Chore
from services.chassis.plain import transient
from services.chassis.plain.comparison import Comparison
from services.chassis.process.periodic import Periodic
from services.payment.adapters import notices, paid_orders
from services.payment.ports import NotAsked, Orders, OutcomeUnknown
from services.payment.settings import PaymentSettings
from services.payment.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.payment.use_cases.compare_credit import CompareCredit
from services.payment.use_cases.compare_payments import ComparePayments
from services.payment.use_cases.compare_provider import CompareProvider
from services.payment.use_cases.count_stranded import CountStrandedHandler
from services.payment.use_cases.reconcile import AT_ONCE, ReconcileHandler
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

COUNT_EVERY_SECONDS = 15.0

transient.register(OutcomeUnknown, NotAsked)  # a comparison that cannot ask the provider now is put off


@dataclass(frozen=True)
class Reconciler:
    """Takes what is due and begins a step of each; a step that waits holds up none of the others."""

    reconcile: ReconcileHandler
    due: asyncio.Event
    """Set when something is due before the next look."""
    every_seconds: float

    async def run(self) -> None:
        """Looks for what is due until cancelled. A step that cannot write ends them all: `run` is called again."""
        payments: set[asyncio.Task[None]] = set()
        refunds: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:

            async def once() -> bool:
                due = await self.reconcile.take(AT_ONCE - len(payments), AT_ONCE - len(refunds))
                for steps, under_way in zip(due, (payments, refunds), strict=True):
                    for step in steps:
                        task = tasks.create_task(step)
                        under_way.add(task)
                        task.add_done_callback(under_way.discard)
                return any(due)

            await Periodic("reconciler", once, self.every_seconds, wake=self.due).run()


def counting(count_stranded: CountStrandedHandler) -> Periodic:
    """Measures how many payments need a person."""
    return Periodic("stranded", count_stranded, COUNT_EVERY_SECONDS)


def comparisons(
    orders: Orders,
    apply: ApplyOrderStatusHandler,
    settle: SettlePayment,
    settle_refund: SettleRefund,
    settled: timedelta,
) -> tuple[Comparison, ...]:
    """What the reconciliation compares, in the background and for `argosy reconcile`."""
    return (
        ComparePayments(settle.work, orders, apply, settled),
        CompareCredit(settle.work),
        *(CompareProvider(provider, settle, settle_refund, settled) for provider in settle.providers.by_name.values()),
    )


def chores(settings: PaymentSettings) -> tuple[Chore, ...]:
    """What is deleted of the service's own tables, besides the chassis'."""
    keep = timedelta(days=settings.keep_cancelled_orders_days)
    return (
        Chore("cancelled_orders", paid_orders.prune_ended, keep),
        Chore("processed_webhook_events", notices.prune, notices.KEEP),
    )
