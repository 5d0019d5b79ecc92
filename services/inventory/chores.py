"""What of the service's tables is deleted after its time. README.md says how long and why."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.housekeeping import Chore
from services.inventory import moves, store
from services.inventory.settings import InventorySettings


def chores(settings: InventorySettings) -> tuple[Chore, ...]:
    """The service's own, beside the chassis'."""
    return (
        Chore("reservations", store.prune_reservations, timedelta(days=settings.keep_reservations_days)),
        Chore("stock_moves", moves.fold, timedelta(days=settings.keep_stock_moves_days)),
    )
