"""`argosy mail list|retry`: lists and resends mails that could not be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import typer

from cli import audit, output
from cli.databases import database
from cli.environment import settings_of
from services.chassis.data.postgres_work import PostgresWork
from services.chassis.plain import clock
from services.notification.adapters.unit_of_work import PostgresNotificationUnit
from services.notification.domain.messages import ParkedMessage
from services.notification.ports import Work
from services.notification.settings import NotificationSettings
from services.notification.use_cases.list_parked import ListParked, ListParkedHandler
from services.notification.use_cases.retry_parked import RetryParked, RetryParkedHandler

app = typer.Typer(help="List and resend mails that were parked after ten failed attempts.", no_args_is_help=True)

_COLUMNS = ("message", "since", "type", "userId", "orderId", "attempts", "error")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number, oldest first.")] = 100,
    as_json: output.AsJson = False,
) -> None:
    """List the parked mails and the reason of each.

    For example: argosy mail list --limit 10
    """
    parked = asyncio.run(_oldest(settings_of("notification", NotificationSettings), limit))
    output.show(map(_row, parked), _COLUMNS, as_json=as_json, empty="No mail is parked.")


@app.command()
def retry(
    messages: Annotated[
        list[UUID] | None, typer.Argument(metavar="[MESSAGE]...", help="The id, as in the list.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All parked mails.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Schedule mails again, from the first attempt on. Fix the cause first.

    A mail whose token has expired is not sent. For example: argosy mail retry --all
    """
    if bool(messages) == every:
        output.refuse("choose the mails: by id, or --all")
    settings = settings_of("notification", NotificationSettings)
    audit.begin()
    sent = asyncio.run(_retry(settings, None if every else messages))
    unknown = sorted(set(messages or ()) - set(sent))
    if as_json:
        output.show([{"message": str(each)} for each in sent], (), as_json=True, empty="")
    else:
        output.say(f"{len(sent)} {'mail is' if len(sent) == 1 else 'mails are'} scheduled again.", as_json=False)
    if unknown:
        output.refuse(f"not parked: {', '.join(map(str, unknown))}")


async def _oldest(settings: NotificationSettings, limit: int) -> Sequence[ParkedMessage]:
    async with _work(settings) as work:
        parked, _ = await ListParkedHandler(work)(ListParked(limit))
        return parked


async def _retry(settings: NotificationSettings, ids: Sequence[UUID] | None) -> Sequence[UUID]:
    async with _work(settings) as work:
        return await RetryParkedHandler(work)(RetryParked(ids, audit.operator()))


@asynccontextmanager
async def _work(settings: NotificationSettings) -> AsyncIterator[Work]:
    async with database("notification", settings.database_url) as postgres:
        yield PostgresWork(postgres, PostgresNotificationUnit)


def _row(message: ParkedMessage) -> output.Row:
    return {
        "message": str(message.id),
        "since": clock.to_text(message.created_at),
        "type": message.type,
        "userId": str(message.user_id),
        "orderId": str(message.order_id) if message.order_id else None,
        "attempts": message.attempts,
        "error": message.error,
    }
