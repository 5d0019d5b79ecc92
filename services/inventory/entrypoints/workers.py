"""Periodic work: ended holds, comparisons, and deletion of rows after their retention (README.md)."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.data.housekeeping import Chore
from services.chassis.plain import clock
from services.chassis.plain.comparison import Comparison
from services.chassis.process.periodic import Periodic
from services.inventory.adapters import reservations, stock
from services.inventory.ports import Orders, Work
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.inventory.use_cases.compare_reservations import CompareReservations
from services.inventory.use_cases.compare_stock import CompareStock
from services.inventory.use_cases.expire_holds import MOST_AT_ONCE, ExpireHoldsHandler


def expiry(expire_holds: ExpireHoldsHandler, every_seconds: float) -> Periodic:
    """Decides about holds that have ended."""

    async def once() -> bool:
        return await expire_holds() == MOST_AT_ONCE

    return Periodic("expiry", once, every_seconds, on_failure=expire_holds.count_unanswered)


def comparisons(
    work: Work, orders: Orders, apply: ApplyOrderStatusHandler, settled: timedelta
) -> tuple[Comparison, ...]:
    """What the reconciliation compares, in the background and for `argosy reconcile`."""
    return CompareStock(work), CompareReservations(work, orders, apply, settled, clock.now)


def chores(settings: InventorySettings) -> tuple[Chore, ...]:
    """Deletion jobs for the service's own tables, in addition to the chassis' ones."""
    return (
        Chore("reservations", reservations.prune, timedelta(days=settings.keep_reservations_days)),
        Chore("stock_moves", stock.fold, timedelta(days=settings.keep_stock_moves_days)),
    )
