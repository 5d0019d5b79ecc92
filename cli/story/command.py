"""The command `argosy story`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from cli import output
from cli.environment import NoSystem, in_a_service, log_files
from cli.story import log_lines
from cli.story.collect import SERVICES, collect
from cli.story.draw import draw
from services.chassis.data.story import Kind, Moment
from services.chassis.plain import clock


def story(
    order_id: Annotated[UUID | None, typer.Argument(metavar="ORDER_ID", help="The order.")] = None,
    of: Annotated[
        list[str] | None, typer.Option("--of", help="Query only this service, such as the one in this pod.")
    ] = None,
    read: Annotated[
        list[Path] | None,
        typer.Option("--read", exists=True, dir_okay=False, help="Read a file that --json wrote."),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Show the timeline of an order across all services: calls, events, payments, stock, mails.

    It reads the services' stores, and on a laptop their logs. It needs no trace collector.

    In a cluster, collect the part of each pod and combine them:
    argosy story ORDER_ID --of payment --json > payment.jsonl (in each pod), then: argosy story --read payment.jsonl
    --read order.jsonl

    For example: argosy story 0192f0c1-7a3e-7000-8000-000000000000
    """
    moments = sorted(_moments(order_id, of, read or ()), key=lambda moment: moment.at)
    if not moments:
        raise NoSystem(f"no service knows of the order {order_id}")
    if as_json:
        for moment in moments:
            output.show_json(asdict(moment) | {"at": clock.to_text(moment.at)})
        return
    for line in draw(moments):
        output.people().print(line)


def _moments(order_id: UUID | None, of: Sequence[str] | None, read: Sequence[Path]) -> Iterable[Moment]:
    if (order_id is None) == (not read):
        output.refuse("name an order, or files to --read")
    if order_id is None:
        return [moment for file in read for moment in _from_file(file)]
    unknown = sorted(set(of or ()) - set(SERVICES))
    if unknown:
        output.refuse(f"--of takes {', '.join(SERVICES)}, not {', '.join(unknown)}")
    if in_a_service() and not of:
        output.refuse(f"name the service of this pod: --of {' | '.join(SERVICES)}")
    collected = asyncio.run(collect(order_id, of or SERVICES))
    return [*collected, *log_lines.moments(() if in_a_service() else log_files(), str(order_id), collected)]


def _from_file(file: Path) -> Iterable[Moment]:
    for line in file.read_text().splitlines():
        try:
            entry = json.loads(line)
            yield Moment(
                clock.from_text(entry["at"]), entry["service"], Kind(entry["kind"]), entry["text"], entry["facts"]
            )
        except (ValueError, KeyError, TypeError):
            output.refuse(f"{file} holds a line that is no part of a story: {line[:60]}")
