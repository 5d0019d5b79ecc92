"""Page tokens of lists of orders, sealed (ports.PageTokens)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.data.paging import SealedTokens
from services.chassis.plain import clock
from services.order.ports import OrderList, Position

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


def _key(of: OrderList) -> tuple[str, str, str]:
    return str(of.reader_id), str(of.user_id), of.status or ""
