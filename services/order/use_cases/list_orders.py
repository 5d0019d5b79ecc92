"""List one customer's orders, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis import clock, paging
from services.chassis.paging import SealedTokens
from services.order.domain import Actor, Order, Status, check_may_list
from services.order.read_side import Position, ReadSide

_TOKEN_PARTS = 3


@dataclass(frozen=True)
class ListOrdersCommand:
    """Which page of whose orders."""

    actor: Actor
    user_id: str | None
    """Whose; None for one's own."""
    status: Status | None
    page_size: int
    """0 for the default."""
    page_token: str


@dataclass(frozen=True)
class ListedOrders:
    """A page."""

    orders: Sequence[Order]
    next_page_token: str
    """Asks for the page after this one; empty on the last."""


@dataclass(frozen=True)
class ListOrders:
    """Lists orders from the read side, which follows the commits within milliseconds.

    A token goes on with the same list for the same person alone: it is a place in it, and means nothing elsewhere.
    """

    read_side: ReadSide
    tokens: SealedTokens

    async def __call__(self, command: ListOrdersCommand) -> ListedOrders:
        """The page.

        Raises:
            OnlyStaffListOthers: somebody else's orders, and the caller is not staff.
            InvalidArgument: the token is not of this list.
        """
        user_id = command.user_id or command.actor.user_id
        check_may_list(command.actor, user_id)
        this_list = (command.actor.user_id, user_id, command.status or "")
        after = _position(self.tokens.open(command.page_token, _TOKEN_PARTS, of=this_list))
        page = await self.read_side.page(user_id, command.status, after, paging.page_size(command.page_size))
        token = self.tokens.seal(_key(page.end), of=this_list) if page.end is not None else ""
        return ListedOrders(page.orders, token)


def _key(end: Position) -> tuple[str, ...]:
    return str(end.shelf), clock.to_text(end.created_at) if end.created_at else "", end.order_id


def _position(key: tuple[str, ...] | None) -> Position | None:
    if key is None:
        return None
    shelf, created_at, order_id = key
    return Position(int(shelf), clock.from_text(created_at) if created_at else None, order_id)
