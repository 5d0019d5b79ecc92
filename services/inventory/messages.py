"""Products and stock as the contract has them."""

from __future__ import annotations

from argosy.inventory.v1 import product_pb2
from services.chassis import clock
from services.inventory.domain import Product
from services.inventory.moves import StockMove


def product_message(product: Product) -> product_pb2.Product:
    """A product as anybody gets it."""
    return product_pb2.Product(
        id=product.id,
        name=product.name,
        description=product.description,
        price=product.price.text,
        currency=product.currency,
        available=product.available,
    )


def stock_move_message(move: StockMove) -> product_pb2.StockMove:
    """A move of stock as staff get it."""
    return product_pb2.StockMove(
        id=str(move.id),
        product_id=move.product_id,
        kind=move.kind,
        delta=move.on_hand_delta,
        held_delta=move.held_delta,
        on_hand=move.on_hand,
        held=move.held,
        available=move.on_hand - move.held,
        order_id=str(move.order_id) if move.order_id else None,
        moved_by=str(move.moved_by) if move.moved_by else None,
        reason=move.reason,
        moved_at=clock.to_message(move.moved_at),
    )
