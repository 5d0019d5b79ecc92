"""List one customer's orders, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis import clock, paging
from services.order.domain import Status
from services.order.read_side import Page, Position, ReadSide

_TOKEN_PARTS = 4


@dataclass(frozen=True)
class ListOrdersCommand:
    """Which page of whose orders."""

    user_id: str
    status: Status | None
    page_size: int
    """0 for the default."""
    page_token: str


@dataclass(frozen=True)
class ListOrders:
    """Lists orders from the read side, which follows the commits within milliseconds."""

    read_side: ReadSide

    async def __call__(self, command: ListOrdersCommand) -> Page:
        """The page. Raises InvalidArgument for a token that is not of such a list."""
        after = _position(command)
        return await self.read_side.page(command.user_id, command.status, after, paging.page_size(command.page_size))


def next_page_token(page: Page, status: Status | None) -> str:
    """What asks for the page after this one; empty on the last."""
    end = page.end
    if end is None:
        return ""
    created_at = clock.to_text(end.created_at) if end.created_at else ""
    return paging.encode_page_token(status or "", str(end.shelf), created_at, end.order_id)


def _position(command: ListOrdersCommand) -> Position | None:
    parts = paging.decode_page_token(command.page_token, _TOKEN_PARTS)
    if parts is None:
        return None
    status, shelf, created_at, order_id = parts
    if status != (command.status or ""):
        raise paging.bad_page_token()
    try:
        position = Position(int(shelf), clock.from_text(created_at) if created_at else None, order_id)
    except ValueError:
        raise paging.bad_page_token() from None
    if position.shelf < 0:
        raise paging.bad_page_token()
    return position
