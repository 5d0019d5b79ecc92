"""List the orders of all customers for staff, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

from services.chassis.plain.errors import FieldViolation, InvalidArgument
from services.order.domain.orders import Actor, Status
from services.order.ports import AllOrders, AllOrdersTokens, OrderFilter
from services.order.use_cases.list_orders import ListedOrders


@dataclass(frozen=True)
class ListAllOrders:
    """Which page of which orders."""

    actor: Actor
    """Staff: the contract admits nobody else."""
    statuses: Set[Status]
    """Empty: all."""
    placed_from: datetime | None
    placed_before: datetime | None
    size: int
    page_token: str
    """Empty for the first page."""


@dataclass(frozen=True)
class ListAllOrdersHandler:
    """Lists orders from the read side, which is milliseconds behind the commits.

    A token is valid for the same filters and the same reader only.
    """

    all_orders: AllOrders
    tokens: AllOrdersTokens

    async def __call__(self, command: ListAllOrders) -> ListedOrders:
        """The page. Raises InvalidArgument: the bounds have no time between them, or the token is not of this list."""
        if command.placed_from and command.placed_before and command.placed_before <= command.placed_from:
            raise InvalidArgument([FieldViolation("placedBefore", "must be later than placedFrom")])
        wanted = OrderFilter(command.statuses or frozenset(Status), command.placed_from, command.placed_before)
        before = self.tokens.open(command.page_token, command.actor.user_id, wanted)
        page = await self.all_orders.page(wanted, before, command.size)
        token = self.tokens.seal(page.end, command.actor.user_id, wanted) if page.end is not None else ""
        return ListedOrders(page.orders, token)
