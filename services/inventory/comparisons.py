"""What the reconciliation of the service compares."""

from __future__ import annotations

from services.chassis.postgres import Postgres
from services.chassis.reconciliation import Comparison
from services.inventory.compare_reservations import CompareReservations
from services.inventory.compare_stock import CompareStock
from services.inventory.low_stock import LowStock
from services.inventory.orders import Orders
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.commit_reservation import CommitReservation
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.sell_confirmed import SellConfirmed


def comparisons(postgres: Postgres, orders: Orders, settings: InventorySettings) -> tuple[Comparison, ...]:
    """All of them, for the background routine and for `argosy reconcile`."""
    sell = SellConfirmed(postgres, CommitReservation(LowStock(settings.low_stock_threshold)))
    return (
        CompareStock(postgres),
        CompareReservations(postgres, orders, sell, ReleaseReservation(), settings.compare_settled),
    )
