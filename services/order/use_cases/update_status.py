"""Move an order to another state, because a person asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.order.domain.facts import OrderStatusUpdated
from services.order.domain.history import History, fold
from services.order.domain.moves import move_by
from services.order.domain.orders import Actor, Order, Status
from services.order.use_cases.journal import Journal


@dataclass(frozen=True)
class UpdateStatus:
    """Who moves which order to which state."""

    order_id: UUID
    status: Status
    actor: Actor


@dataclass(frozen=True)
class UpdateStatusHandler:
    """Moves orders."""

    journal: Journal

    async def __call__(self, command: UpdateStatus) -> Order:
        """The order, in that state.

        Raises:
            OrderNotFound, OwnerMayOnlyCancel, IllegalTransition: see domain.moves.move_by.
            Contended, NotStored, OutcomeUnknown: see Journal.change.
        """

        def decide(history: History) -> OrderStatusUpdated | None:
            return move_by(command.actor, fold(history), command.status)

        return await self.journal.change(command.order_id, decide)
