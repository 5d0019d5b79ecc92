"""`argosy dlq list|show|redrive`: lists, shows and redrives dead letters."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import structlog
import typer

from cli import audit, output
from cli.environment import kafka
from cli.letters import Wanted, find, row_of
from cli.letters import redrive as send_again
from cli.tail import event_row
from services.chassis.bus.dead_letters import Reason
from services.chassis.bus.events import Registry
from services.chassis.bus.letters import Letter
from services.chassis.bus.producer import NotDelivered, Producer
from services.chassis.process.brokers import Brokers

_log = structlog.get_logger()

app = typer.Typer(help="List, show and redrive dead letters.", no_args_is_help=True)

_COLUMNS = ("letter", "since", "type", "key", "group", "reason", "attempts", "error")
_UTC = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[LETTER]...", help="The position, as in the list, or the event id.")
]
Topic = Annotated[str | None, typer.Option(help="The topic of the original event, such as order-events.")]
Type = Annotated[str | None, typer.Option("--type", help="The event type, such as ORDER_CREATED.")]
Group = Annotated[str | None, typer.Option(help="The consumer group that could not process them.")]
Why = Annotated[Reason | None, typer.Option(help="unreadable: not a valid event; failed: each attempt failed.")]
Since = Annotated[datetime | None, typer.Option(formats=_UTC, help="Dead at or after this time, UTC.")]
Before = Annotated[datetime | None, typer.Option(formats=_UTC, help="Dead before this time, UTC.")]


@app.command("list")
def list_(
    topic: Topic = None,
    type_: Type = None,
    group: Group = None,
    reason: Why = None,
    since: Since = None,
    before: Before = None,
    redriven_too: Annotated[bool, typer.Option("--all", help="Include those that were redriven.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """List the dead letters that were not redriven.

    For example: argosy dlq list --group notification-service-group --since 2026-03-01
    """
    wanted = Wanted((), topic, type_, group, reason, _utc(since), _utc(before), redriven_too)
    letters = asyncio.run(find(kafka(), wanted))
    columns = (*_COLUMNS, "redriven") if redriven_too else _COLUMNS
    output.show([row_of(letter) for letter in letters], columns, as_json=as_json, empty="No dead letters.")


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="The position, as in the list, or the event id.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="Show personal data too.")] = False,
) -> None:
    """Show one dead letter: the original event and the reason. Always JSON.

    For example: argosy dlq show order-events.dlq/2/17
    """
    letters = asyncio.run(find(kafka(), Wanted((letter,), redriven_too=True)))
    if not letters:
        output.refuse(f"there is no letter {letter}: `argosy dlq list --all` shows all")
    registry = Registry.of_package()
    for found in letters:
        event = event_row(found.record, registry, reveal=reveal)
        output.show_json({**row_of(found), "event": event, "bytes": len(found.record.value or b"")})


@app.command()
def redrive(
    names: Names = None,
    topic: Topic = None,
    type_: Type = None,
    group: Group = None,
    reason: Why = None,
    since: Since = None,
    before: Before = None,
    every: Annotated[bool, typer.Option("--all", help="All dead letters that were not redriven.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show which would be redriven, without sending.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Send dead letters to their original topic again, with the same id and key. Fix the cause first.

    Every consumer group receives them; a group that has already processed an event drops it. Each letter is sent
    once: a record on the dead letter topic marks it as redriven. If it fails again, it arrives as a new letter.
    A letter whose value was too large to keep (`left_out`) stays: its message is at `original`, within the topic's
    retention.

    For example: argosy dlq redrive --type PAYMENT_CONFIRMED --dry-run
    """
    wanted = Wanted(tuple(names or ()), topic, type_, group, reason, _utc(since), _utc(before))
    if wanted.anything and not every:
        output.refuse("choose the letters: by position or id, --topic, --type, --group, --reason, --since; or --all")
    letters = asyncio.run(_redrive(kafka(), wanted, dry_run=dry_run))
    rows = [{**row_of(letter), "sent": not dry_run and not letter.left_out} for letter in letters]
    output.show(rows, _COLUMNS, as_json=as_json, empty="No such dead letters.")
    if letters and not as_json:
        whole = sum(not letter.left_out for letter in letters)
        lacking = f"; {len(letters) - whole} lack their value and stay" if whole < len(letters) else ""
        output.say(f"{whole} {'would be' if dry_run else 'were'} sent again{lacking}.", as_json=False)


async def _redrive(brokers: Brokers, wanted: Wanted, *, dry_run: bool) -> list[Letter]:
    letters = await find(brokers, wanted)
    if dry_run or not letters:
        return letters
    audit.begin()
    producer = Producer(brokers, "argosy-dlq")
    await producer.start()
    try:
        for letter in letters:
            if not letter.left_out:
                await _send(letter, producer)
    finally:
        await producer.stop()
    return letters


async def _send(letter: Letter, producer: Producer) -> None:
    try:
        await send_again(letter, producer, audit.operator())
    except NotDelivered as error:
        output.refuse(f"{letter.place} was not sent: {error}. The letters before it were sent; run the command again")
    _log.info("dead_letter_redriven", letter=letter.place, event_id=letter.event_id, operator=audit.operator())


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)
