"""The rows of the service order."""

from __future__ import annotations

from tests.e2e.rest_rows import Ask, Scene, redrive_of, row
from tests.support.shop import ADDRESS, an_order, answered


@row("OrderService.CreateOrder")
async def create_order(scene: Scene) -> Ask:
    # The order names its owner; the token of anybody else is refused.
    body = {"userId": scene.owner.id, **an_order(), "shippingAddress": ADDRESS}
    return Ask(scene.owner, body=body, answers={"status": "pending", "totalAmount": "59.98"}, stranger=400)


@row("OrderService.GetOrder")
async def get_order(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.order}, answers={"id": scene.order, "status": "pending"})


@row("OrderService.ListOrders")
async def list_orders(scene: Scene) -> Ask:
    return Ask(scene.owner, {"status": "confirmed"}, stranger=None)


@row("OrderService.ListAllOrders")
async def list_all_orders(scene: Scene) -> Ask:
    return Ask(scene.staff, {"statuses": "confirmed", "placedFrom": "2026-01-01T00:00:00Z"})


@row("OrderService.GetOrderHistory")
async def get_order_history(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.order})


@row("OrderService.WatchOrder")
async def watch_order(scene: Scene) -> Ask:
    order = await scene.owner.order()
    answered(await scene.owner.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    return Ask(scene.owner, {"id": order["id"]}, answers={"id": order["id"], "status": "cancelled"})


@row("OrderService.UpdateOrderStatus")
async def update_order_status(scene: Scene) -> Ask:
    order = await scene.owner.order()
    return Ask(scene.owner, {"id": order["id"]}, {"status": "cancelled"}, {"status": "cancelled"})


@row("OrderService.ListOrderDrifts")
async def list_order_drifts(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("OrderService.ListOrderDeadLetters")
async def list_order_dead_letters(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("OrderService.RedriveOrderDeadLetter")
async def redrive_order_dead_letter(scene: Scene) -> Ask:
    return redrive_of(scene, "order")
