"""The rows of the service notification."""

from __future__ import annotations

from tests.e2e.rest_rows import Ask, Scene, row


@row("NotificationService.ListNotifications")
async def list_notifications(scene: Scene) -> Ask:
    return Ask(scene.owner, {"pageSize": "1"}, stranger=None)


@row("NotificationService.GetPreferences")
async def get_preferences(scene: Scene) -> Ask:
    return Ask(scene.owner, stranger=None)


@row("NotificationService.UpdatePreferences")
async def update_preferences(scene: Scene) -> Ask:
    return Ask(scene.owner, body={"preferences": [{"kind": "order_shipped", "email": False}]}, stranger=None)
