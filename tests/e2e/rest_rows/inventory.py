"""The rows of the service inventory."""

from __future__ import annotations

import uuid

from tests.e2e.rest_rows import Ask, Scene, redrive_of, row


@row("ProductService.ListProducts")
async def list_products(scene: Scene) -> Ask:
    return Ask(None, {"pageSize": "1"})


@row("ProductService.GetProduct")
async def get_product(scene: Scene) -> Ask:
    return Ask(None, {"id": "prod-123"}, answers={"price": "29.99", "currency": "USD"})


@row("ProductService.CreateProduct")
async def create_product(scene: Scene) -> Ask:
    product = {"id": f"table-{uuid.uuid4().hex[:12]}", "name": "Chair", "price": 4.5, "currency": "USD"}
    return Ask(scene.staff, body=product, answers={"id": product["id"], "price": "4.50", "available": 0})


@row("ProductService.UpdateProduct")
async def update_product(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.product}, {"price": "2.25"}, {"price": "2.25"})


@row("ProductService.AdjustStock")
async def adjust_stock(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.product}, {"delta": 3})


@row("ProductService.ListStockMoves")
async def list_stock_moves(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.product})


@row("ProductService.ListStockDrifts")
async def list_stock_drifts(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("ProductService.ListStockDeadLetters")
async def list_stock_dead_letters(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("ProductService.RedriveStockDeadLetter")
async def redrive_stock_dead_letter(scene: Scene) -> Ask:
    return redrive_of(scene, "inventory")
