"""List the catalog, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from services.inventory.domain.products import Product
from services.inventory.ports import Work


@dataclass(frozen=True)
class ListProducts:
    """Which page."""

    after: str
    """The id before the first product of the page; empty for the first page."""
    size: int


@dataclass(frozen=True)
class ListProductsHandler:
    """Reads a page of products, by id."""

    work: Work

    async def __call__(self, command: ListProducts) -> tuple[list[Product], str | None]:
        """The page, and the id after which the next one begins; None on the last page."""
        async with self.work.read() as unit:
            found = await unit.products.page(command.after, command.size + 1)
        page = found[: command.size]
        return page, page[-1].id if len(found) > command.size else None
