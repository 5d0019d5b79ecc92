"""Answer the order service which of its orders have a reservation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.inventory.domain.reservations import Status
from services.inventory.ports import Work


@dataclass(frozen=True)
class LookUpReservations:
    """Of which orders."""

    order_ids: Sequence[UUID]


@dataclass(frozen=True)
class LookUpReservationsHandler:
    """Reads the statuses of reservations."""

    work: Work

    async def __call__(self, command: LookUpReservations) -> Mapping[UUID, Status]:
        """The status of each order's reservation; orders without one are left out."""
        async with self.work.read() as unit:
            return await unit.reservations.statuses(command.order_ids)
