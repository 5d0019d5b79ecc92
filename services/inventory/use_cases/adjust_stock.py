"""Add to a product's stock, or take from it, because staff say so; and show what has moved it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from argosy.inventory.v1.product_pb2 import StockMove as StockMoveMessage
from services.chassis import idempotency
from services.chassis.postgres import Connection, Postgres
from services.inventory import moves, store
from services.inventory.domain import require_adjustable
from services.inventory.low_stock import LowStock
from services.inventory.messages import stock_move_message
from services.inventory.moves import StockMove
from services.inventory.use_cases.browse_catalog import UnknownProduct


@dataclass(frozen=True)
class AdjustStockCommand:
    """How many more, or fewer, there are."""

    product_id: str
    delta: int
    reason: str | None
    staff_id: UUID
    idempotency_key: str | None
    fingerprint: bytes


@dataclass(frozen=True)
class AdjustStock:
    """Moves stock by hand, once a key."""

    postgres: Postgres
    low_stock: LowStock

    async def __call__(self, command: AdjustStockCommand) -> StockMoveMessage:
        """The move, and what the stock is after it. A repeat with the same key gets the first answer.

        Raises:
            UnknownProduct: there is no such product.
            AdjustmentRefused: orders hold too much for that, or it would be more than can be counted.
            IdempotencyMismatch, IdempotencyInFlight: as they say.
        """

        async def adjust(connection: Connection) -> StockMoveMessage:
            return stock_move_message(await self._adjust(connection, command))

        scope = f"adjustStock:{command.staff_id}"
        outcome = await idempotency.once(
            self.postgres,
            scope,
            command.idempotency_key,
            command.fingerprint,
            adjust,
            StockMoveMessage,
            "inventory.adjust",
        )
        return outcome.message

    async def _adjust(self, connection: Connection, command: AdjustStockCommand) -> StockMove:
        locked = await moves.lock_stock(connection, command.product_id)
        if locked is None:
            raise UnknownProduct(command.product_id)
        require_adjustable(locked.on_hand, locked.held, command.delta)
        move, level = await moves.adjust(
            connection, command.product_id, locked, command.delta, command.staff_id, command.reason
        )
        await self.low_stock.tell(connection, [level])
        return move


@dataclass(frozen=True)
class ShowStockMoves:
    """Reads what moved a product's stock."""

    postgres: Postgres

    async def page(self, product_id: str, *, before: int | None, size: int) -> tuple[list[StockMove], int | None]:
        """A product's moves, newest first, and the id before which the next page begins; None on the last.

        Raises:
            UnknownProduct: there is no such product.
        """
        async with self.postgres.connection() as connection:
            if not await store.products(connection, [product_id]):
                raise UnknownProduct(product_id)
            found = await moves.page(connection, product_id, before=before, limit=size + 1)
        return found[:size], found[size - 1].id if len(found) > size else None
