"""Move an order along, because a person says so."""

from __future__ import annotations

from dataclasses import dataclass

from services.order.domain import Actor, Order, OrderStatusUpdated, Status, fold, move_by
from services.order.journal import History, Journal


@dataclass(frozen=True)
class UpdateStatusCommand:
    """Who sends which order to which state."""

    order_id: str
    status: Status
    actor: Actor


@dataclass(frozen=True)
class UpdateStatus:
    """Moves orders along."""

    journal: Journal

    async def __call__(self, command: UpdateStatusCommand) -> Order:
        """The order, in that state.

        Raises:
            OrderNotFound, OwnerMayOnlyCancel, IllegalTransition: as domain.move_by says.
            Contended, NotStored, OutcomeUnknown: as Journal.change says.
        """

        def decide(history: History) -> OrderStatusUpdated | None:
            return move_by(command.actor, fold(history), command.status)

        return await self.journal.change(command.order_id, decide)
