"""Page tokens of lists of orders, sealed (ports.PageTokens, ports.AllOrdersTokens)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.data.paging import SealedTokens
from services.chassis.plain import clock
from services.order.ports import Before, OrderFilter, OrderList, Position

_PARTS = 3


@dataclass(frozen=True)
class SealedPageTokens:
    """A position as text, sealed for one list and its reader."""

    tokens: SealedTokens

    def seal(self, end: Position, of: OrderList) -> str:
        """See ports.PageTokens."""
        created_at = clock.to_text(end.created_at) if end.created_at else ""
        order_id = str(end.order_id) if end.order_id else ""
        return self.tokens.seal((str(end.shelf), created_at, order_id), of=_key(of))

    def open(self, token: str, of: OrderList) -> Position | None:
        """See ports.PageTokens."""
        key = self.tokens.open(token, _PARTS, of=_key(of))
        if key is None:
            return None
        shelf, created_at, order_id = key
        return Position(
            int(shelf),
            clock.from_text(created_at) if created_at else None,
            UUID(order_id) if order_id else None,
        )


@dataclass(frozen=True)
class SealedAllOrdersTokens:
    """A place in the list of all orders as text, sealed for one reader and one filter (ports.AllOrdersTokens)."""

    tokens: SealedTokens

    def seal(self, end: Before, reader_id: UUID, wanted: OrderFilter) -> str:
        """See ports.AllOrdersTokens."""
        key = clock.to_text(end.placed_at), str(end.order_id) if end.order_id else ""
        return self.tokens.seal(key, of=_filter_key(reader_id, wanted))

    def open(self, token: str, reader_id: UUID, wanted: OrderFilter) -> Before | None:
        """See ports.AllOrdersTokens."""
        key = self.tokens.open(token, 2, of=_filter_key(reader_id, wanted))
        if key is None:
            return None
        placed_at, order_id = key
        return Before(clock.from_text(placed_at), UUID(order_id) if order_id else None)


def _filter_key(reader_id: UUID, wanted: OrderFilter) -> tuple[str, ...]:
    bounds = (clock.to_text(bound) if bound else "" for bound in (wanted.placed_from, wanted.placed_before))
    return "all", str(reader_id), ",".join(sorted(wanted.statuses)), *bounds


def _key(of: OrderList) -> tuple[str, str, str]:
    return str(of.reader_id), str(of.user_id), of.status or ""
