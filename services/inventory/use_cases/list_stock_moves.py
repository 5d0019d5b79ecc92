"""List the stock moves of a product."""

from __future__ import annotations

from dataclasses import dataclass

from services.inventory.domain.products import UnknownProduct
from services.inventory.domain.stock import StockMove
from services.inventory.ports import Work


@dataclass(frozen=True)
class ListStockMoves:
    """Which product, and which page."""

    product_id: str
    before: int | None
    """The id after the newest move of the page; None for the first page."""
    size: int


@dataclass(frozen=True)
class ListStockMovesHandler:
    """Reads a page of a product's moves, newest first."""

    work: Work

    async def __call__(self, command: ListStockMoves) -> tuple[list[StockMove], int | None]:
        """The page, and the id before which the next one begins; None on the last page. Raises UnknownProduct."""
        async with self.work.read() as unit:
            if not await unit.products.by_ids([command.product_id]):
                raise UnknownProduct(command.product_id)
            found = await unit.stock.moves(command.product_id, before=command.before, limit=command.size + 1)
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
