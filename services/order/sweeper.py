"""Looks for orders that nobody pays, in one replica at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import structlog

from services.chassis import backoff, logs, transient
from services.chassis.crash_points import reach
from services.order.leases import Leases
from services.order.use_cases.settle_unpaid import SettleUnpaid

_THOROUGH_EVERY = 120
_SIDE_BY_SIDE = 8

_log = structlog.get_logger()


class Sweeper:
    """`app.background("sweeper", Sweeper(leases, settle, every_seconds=30.0).run)`."""

    def __init__(self, leases: Leases, settle: SettleUnpaid, *, every_seconds: float) -> None:
        self._leases = leases
        self._settle = settle
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Sweep until cancelled, whenever the time slice is this replica's; thoroughly at first and then now and then.

        The pauses vary, so that replicas take turns: one that cannot reach payment does not stand in the others' way.
        """
        pauses = backoff.delays(self._every_seconds, self._every_seconds)
        for number, pause in enumerate(pauses):
            try:
                if await self._leases.held("sweeper", self._every_seconds):
                    await self.sweep(thorough=number % _THOROUGH_EVERY == 0)
            except Exception as error:
                if not transient.is_transient(error):
                    raise
                _log.warning("sweep_put_off", error=logs.error_text(error))
            await asyncio.sleep(pause)

    async def sweep(self, *, thorough: bool) -> None:
        """Decide about every overdue order, several side by side. Stops at the first that a party is away for."""
        overdue = iter(await self._settle.overdue(thorough=thorough))
        results = await asyncio.gather(*(self._work_off(overdue) for _ in range(_SIDE_BY_SIDE)), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error

    async def _work_off(self, overdue: Iterator[str]) -> None:
        for order_id in overdue:
            try:
                await self._settle(order_id)
                reach("order.sweep.settled")
            except Exception as error:
                if transient.is_transient(error):
                    raise
                _log.error("order_not_settled", order_id=order_id, exc_info=error)
