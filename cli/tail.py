"""`argosy tail TOPIC`: shows the events of a topic, decoded."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli import output, redaction
from cli.environment import kafka
from cli.topics import records
from services.chassis.bus import events
from services.chassis.bus.events import NotAnEvent, Registry, UnknownType
from services.chassis.bus.raw_batches import Damaged, Undecodable
from services.chassis.plain import clock
from services.chassis.process.brokers import Brokers

Row = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """Selects the events to show. None matches any."""

    key: str | None = None
    type: str | None = None
    limit: int | None = None

    def takes(self, row: Row) -> bool:
        """Whether the event matches."""
        return self.key in (None, row["key"]) and self.type in (None, row["type"])


def tail(
    topic: Annotated[str, typer.Argument(help="A topic, such as order-events or order-events.dlq.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Start at the first event.")] = False,
    follow: Annotated[bool, typer.Option(help="Wait for new events, or stop at the current end of the topic.")] = True,
    key: Annotated[
        str | None, typer.Option(help="Only events with this key, such as the id of an order or user.")
    ] = None,
    only: Annotated[str | None, typer.Option("--type", help="Only events of this type, such as ORDER_CREATED.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many events.")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show personal data too.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Show the decoded events of a topic. It joins no consumer group, so no consumer loses an event.

    For example: argosy tail order-events --from-beginning --no-follow --type ORDER_CREATED
    """
    try:
        asyncio.run(
            _tail(
                kafka(),
                topic,
                Choice(key, only, limit),
                from_beginning=from_beginning or not follow,
                follow=follow,
                reveal=reveal,
                as_json=as_json,
            )
        )
    except KeyboardInterrupt:
        raise typer.Exit from None


async def _tail(
    brokers: Brokers, topic: str, choice: Choice, *, from_beginning: bool, follow: bool, reveal: bool, as_json: bool
) -> None:
    registry = Registry.of_package()
    shown = 0
    async for record in records(brokers, (topic,), from_beginning=from_beginning, follow=follow):
        row = event_row(record, registry, reveal=reveal)
        if choice.takes(row):
            _print(row, as_json=as_json)
            shown += 1
        if shown == choice.limit:
            return


def event_row(record: Any, registry: Registry, *, reveal: bool) -> Row:
    """A record as a row: an event decoded; anything else with the reason, without its bytes."""
    row: Row = {
        "time": clock.to_text(clock.from_milliseconds(record.timestamp)),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode(errors="replace"),
        "type": events.type_of(record.headers),
    }
    try:
        if isinstance(record, Undecodable):
            raise record.error
        event = registry.decode(record)
    except (Damaged, NotAnEvent, UnknownType) as error:
        return {**row, "unreadable": f"{type(error).__name__}: {error}"}
    return {
        **row,
        "id": str(event.id),
        "time": clock.to_text(event.time),
        "source": event.source,
        "subject": event.subject,
        "sequence": event.sequence,
        "traceparent": event.traceparent,
        "data": redaction.shown(event.message, reveal=reveal),
    }


def _print(row: Row, *, as_json: bool) -> None:
    if as_json:
        output.show_json(row)
        return
    content = json.dumps(row["data"], ensure_ascii=False) if "data" in row else row["unreadable"]
    output.people().print(f"{row['time']}  {row['type'] or '?':<24}  {row['key']}  {content}")
