"""The rows of the service notification."""

from __future__ import annotations

from tests.e2e.rest_rows import Ask, Scene, redrive_of, row
from tests.support.parked import park_messages_of
from tests.support.shop import until


@row("NotificationService.ListNotifications")
async def list_notifications(scene: Scene) -> Ask:
    return Ask(scene.owner, {"pageSize": "1"}, stranger=None)


@row("NotificationService.GetPreferences")
async def get_preferences(scene: Scene) -> Ask:
    return Ask(scene.owner, stranger=None)


@row("NotificationService.UpdatePreferences")
async def update_preferences(scene: Scene) -> Ask:
    return Ask(scene.owner, body={"preferences": [{"kind": "order_shipped", "email": False}]}, stranger=None)


@row("NotificationService.ListParkedMessages")
async def list_parked_messages(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("NotificationService.RetryParkedMessage")
async def retry_parked_message(scene: Scene) -> Ask:
    person = await scene.shop.register()

    async def sent() -> list[str]:
        messages = (await person.get("/notifications"))["notifications"]
        return [each["id"] for each in messages if each["status"] == "sent"]

    (welcome,) = await until(sent, bool, "the welcome")
    stack = scene.shop.stack
    return Ask(scene.staff, {"id": welcome}, {}, prepare=lambda: park_messages_of(stack, person.id))


@row("NotificationService.ListMessageDrifts")
async def list_message_drifts(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("NotificationService.ListMessageDeadLetters")
async def list_message_dead_letters(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("NotificationService.RedriveMessageDeadLetter")
async def redrive_message_dead_letter(scene: Scene) -> Ask:
    return redrive_of(scene, "notification")
