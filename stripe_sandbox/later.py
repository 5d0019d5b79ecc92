"""Background work: runs due jobs, and deletes expired data."""

import asyncio
import time
from collections.abc import Callable, Mapping

from stripe_sandbox import disputes, payments, refunding
from stripe_sandbox.engine import Engine
from stripe_sandbox.idempotency import LIFETIME_SECONDS
from stripe_sandbox.work import Task, Work

_EVENT_LIFETIME_SECONDS = 30 * 86_400  # https://docs.stripe.com/api/events/list
_PRUNE_EVERY_SECONDS = 3_600.0

_TASKS: Mapping[Task, Callable[[Work, str], None]] = {
    Task.FINISH_CHARGE: payments.finish_charge,
    Task.SETTLE_CHARGE: payments.settle_charge,
    Task.SETTLE_REFUND: refunding.settle_refund,
    Task.DISPUTE: disputes.dispute_later,
}


class Later:
    """Runs until cancelled."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Signal that there may be a new job."""
        self._wake.set()

    async def run(self) -> None:
        prune_at = 0.0
        while True:
            self._wake.clear()
            now = time.time()
            if now >= prune_at:
                self._prune(now)
                prune_at = now + _PRUNE_EVERY_SECONDS
            if self._run_one(now):
                await asyncio.sleep(0)  # lets requests run between transactions
            else:
                await self._sleep(prune_at)

    def _run_one(self, now: float) -> bool:
        """Run a job and delete it in one transaction: it takes effect once."""
        job = self._engine.store.jobs.first_due(now)
        if job is None:
            return False

        def work_off(work: Work) -> None:
            _TASKS[Task(job.task)](work, job.subject)
            work.store.jobs.remove(job.id)

        self._engine.run(work_off)
        return True

    async def _sleep(self, prune_at: float) -> None:
        due_at = self._engine.store.jobs.next_due_at()
        until = prune_at if due_at is None else min(due_at, prune_at)
        try:
            await asyncio.wait_for(self._wake.wait(), max(until - time.time(), 0))
        except TimeoutError:
            return

    def _prune(self, now: float) -> None:
        with self._engine.store.transaction():
            self._engine.store.answers.forget(now - LIFETIME_SECONDS)
            self._engine.store.outbox.forget(now - _EVENT_LIFETIME_SECONDS)
