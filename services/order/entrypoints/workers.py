"""Everything periodic but the relay: orders that nobody pays, empty slices, comparisons, and the store's clock."""

from __future__ import annotations

import itertools
from datetime import timedelta

from services.chassis.data.mongo import Mongo
from services.chassis.plain.comparison import Comparison
from services.chassis.process.periodic import Periodic
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.missing_orders import temporary_missing_orders
from services.order.adapters.order_ids import MongoOrderIds
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.read_side_repair import MongoReadSideRepair
from services.order.adapters.slices import PRUNED_AFTER, Slices
from services.order.adapters.store_clock import StoreClock
from services.order.ports import Inventory, Now, Payments
from services.order.use_cases.cancel_unpaid import CancelUnpaid, CancelUnpaidHandler
from services.order.use_cases.compare_confirmed import CompareConfirmed
from services.order.use_cases.compare_read_side import CompareReadSide
from services.order.use_cases.rebuild_read_side import SETTLED_AFTER, RebuildReadSideHandler

_THOROUGH_EVERY = 120
"""Rounds of the sweeper; the first is thorough, too."""
_CLOCK_EVERY_SECONDS = 10.0
_PRUNE_EVERY_SECONDS = 10.0


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


def pruner(slices: Slices, now: Now) -> Periodic:
    """Deletes the slices of the list of all orders that this replica has emptied, or found empty."""

    async def once() -> None:
        await slices.prune(now() - PRUNED_AFTER)

    return Periodic("pruner", once, _PRUNE_EVERY_SECONDS)


def comparisons(
    mongo: Mongo, payments: Payments, inventory: Inventory, settled: timedelta, now: Now
) -> tuple[Comparison, ...]:
    """What the reconciliation compares, in the background and for `argosy reconcile`."""
    commits, read_side = MongoCommits(mongo), MongoReadSide(mongo)
    ids = MongoOrderIds(mongo, read_side.slices)
    rebuild = RebuildReadSideHandler(
        commits,
        read_side,
        MongoReadSideRepair(mongo, read_side),
        temporary_missing_orders,
        now,
        max(settled, SETTLED_AFTER),
    )
    return CompareConfirmed(ids, commits, payments, inventory, settled, now), CompareReadSide(ids, rebuild)
