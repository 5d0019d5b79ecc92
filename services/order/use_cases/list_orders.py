"""List one customer's orders, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.order.domain.moves import require_may_list
from services.order.domain.orders import Actor, Order, Status
from services.order.ports import OrderList, PageTokens, ReadSide


@dataclass(frozen=True)
class ListOrders:
    """Which page of whose orders."""

    actor: Actor
    user_id: UUID | None
    """Whose; None: the actor's own."""
    status: Status | None
    size: int
    page_token: str
    """Empty for the first page."""


@dataclass(frozen=True)
class ListedOrders:
    """A page."""

    orders: Sequence[Order]
    next_page_token: str
    """The token of the next page; empty on the last page."""


@dataclass(frozen=True)
class ListOrdersHandler:
    """Lists orders from the read side, which is milliseconds behind the commits.

    A token is valid for the same list and the same reader only.
    """

    read_side: ReadSide
    tokens: PageTokens

    async def __call__(self, command: ListOrders) -> ListedOrders:
        """The page.

        Raises:
            OnlyStaffListOthers: another customer's orders, and the caller is not staff.
            InvalidArgument: the token is not of this list.
        """
        user_id = command.user_id or command.actor.user_id
        require_may_list(command.actor, user_id)
        this_list = OrderList(command.actor.user_id, user_id, command.status)
        after = self.tokens.open(command.page_token, this_list)
        page = await self.read_side.page(user_id, command.status, after, command.size)
        return ListedOrders(page.orders, self.tokens.seal(page.end, this_list) if page.end is not None else "")
