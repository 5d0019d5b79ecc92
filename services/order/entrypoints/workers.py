"""Everything periodic: orders that nobody pays, and the store's clock. (The relay has its own loop.)"""

from __future__ import annotations

import itertools

from services.chassis.process.periodic import Periodic
from services.order.adapters.leases import Leases
from services.order.adapters.store_clock import StoreClock
from services.order.use_cases.cancel_unpaid import CancelUnpaid, CancelUnpaidHandler

_THOROUGH_EVERY = 120
"""Rounds of the sweeper; the first is thorough, too."""
_CLOCK_EVERY_SECONDS = 10.0


def sweeper(cancel_unpaid: CancelUnpaidHandler, leases: Leases, every_seconds: float) -> Periodic:
    """Looks for orders that nobody pays, in one replica at a time.

    The pauses vary, so that replicas take turns: one that cannot reach payment does not hold up the others.
    """
    rounds = itertools.count()

    async def once() -> None:
        number = next(rounds)
        if await leases.held("sweeper", every_seconds):
            await cancel_unpaid(CancelUnpaid(thorough=number % _THOROUGH_EVERY == 0))

    return Periodic("sweeper", once, every_seconds, vary=True)


def clock_reader(store_clock: StoreClock) -> Periodic:
    """Reads the store's clock again."""
    return Periodic("store clock", store_clock.look, _CLOCK_EVERY_SECONDS)
